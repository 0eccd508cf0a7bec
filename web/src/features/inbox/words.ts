import type { TFunction } from "i18next";
import type { Api } from "@/api/client";
import { metricName } from "@/features/runs/metric-name";
import { moment } from "@/i18n/format";

const KNOWN = [
  "run_finished",
  "run_failed",
  "version_rejected",
  "incident",
  "incidents",
  "incident_over",
  "incident_week",
  "access_asked",
  "access_granted",
  "access_refused",
  "new_sign_in",
  "security_changed",
  "jobs_died",
] as const;
type Known = (typeof KNOWN)[number];

/** Facts that a person reads otherwise than a program. */
const WRITTEN: Record<string, (fact: string) => string> = { at: momentOf, metric: metricName };

const known = (kind: string): Known | "other" => KNOWN.find((one) => one === kind) ?? "other";

/** Facts that are sentences of the hub. */
const SENTENCES = ["reason", "summary", "what"];
const asItCame = (sentence: string) => sentence;

/** What a notice says in the reader's language, made of its facts. */
export function noticeWords(notice: Pick<Api["NoticeOut"], "kind" | "data">, t: TFunction, inWords = asItCame) {
  const facts = Object.fromEntries(
    Object.entries(notice.data).map(([name, fact]) => {
      const words = SENTENCES.includes(name) ? inWords(String(fact)) : String(fact);
      return [name, WRITTEN[name]?.(words) ?? words];
    }),
  );
  const kind = known(notice.kind);
  // which facts a kind carries is the hub's to know
  const said = { kind: notice.kind, ...facts } as never;
  return { title: String(t(`noticeKind.${kind}.title`, said)), body: String(t(`noticeKind.${kind}.body`, said)) };
}

/** What a kind of notice is called in a list of kinds. */
export const kindName = (kind: string, t: TFunction) => {
  const found = known(kind);
  return found === "other" ? kind : t(`noticeKind.${found}.about`);
};

function momentOf(text: string): string {
  return Number.isNaN(Date.parse(text)) ? text : moment(text);
}
