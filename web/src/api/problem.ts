import i18n from "i18next";
import { hubWords } from "@/i18n/hub";

/** A refusal of the hub (RFC 9457): `code` is for programs, the message for people. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** What is wrong with which field, by its name. */
  readonly fields: Record<string, string>;
  readonly requestId: string;
  /** By what somebody can show that it is them, where that is asked for. */
  readonly methods: string[];

  /** `inWords` puts what the hub says into the reader's language. */
  constructor(status: number, body: Record<string, unknown>, inWords = (sentence: string) => sentence) {
    super(inWords(text(body.detail)) || text(body.title) || i18n.t("failed.answered", { status }));
    this.status = status;
    this.code = text(body.code);
    this.requestId = text(body.request_id);
    this.methods = Array.isArray(body.methods) ? body.methods.map(text) : [];
    this.fields = Object.fromEntries(
      faults(body.errors).map((fault) => [text(fault.field).split(".").at(-1) ?? "", inWords(text(fault.problem))]),
    );
  }
}

const text = (value: unknown) => (typeof value === "string" ? value : "");

function faults(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value)
    ? value.filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null)
    : [];
}

export async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.clone().json()) as Record<string, unknown>;
    return new Problem(response.status, body, await hubWords());
  } catch {
    return new Problem(response.status, {});
  }
}

/** The hub could not be reached at all. */
export class Unreachable extends Error {}

/** What a failed request says; its type names the document's refusals, while what is thrown is an error that holds one. */
export const saidBy = (error: unknown): string => (error instanceof Error ? error.message : String(error));
