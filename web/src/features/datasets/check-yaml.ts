import { parseDocument, stringify } from "yaml";
import type { Definition } from "./check-words";

/** What somebody typed as YAML: a definition, or what is wrong and on which line. */
export type Typed = { definition: Definition } | { line: number; problem: string } | { line: 0 };

/** A definition as YAML, with short lists on one line. */
export const yamlOf = (definition: Definition) =>
  stringify(definition, {
    lineWidth: 80,
    blockQuote: "literal",
    collectionStyle: "any",
  });

/** Reads one check, which may be the only one of a list, as files have them. */
export function definitionOf(text: string): Typed {
  const document = parseDocument(text, { prettyErrors: true });
  const [fault] = document.errors;
  if (fault) return { line: fault.linePos?.[0].line ?? 1, problem: fault.message.split("\n")[0] ?? "" };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 });
  } catch {
    return { line: 0 };
  }
  const one: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof one !== "object" || one === null || Array.isArray(one) || !("kind" in one)) return { line: 0 };
  return { definition: one as Definition };
}

/** Whether a file of checks is in the hub's own words, or was written for another tool. */
export type Dialect = "own" | "foreign";

const READ_CHARACTERS_MAX = 2_000_000;

/** Finds in whose words a file is: only the hub's own has a list of checks that each name their `kind`. */
export function dialectOf(text: string): Dialect {
  if (text.length > READ_CHARACTERS_MAX) return "foreign";
  let value: unknown;
  try {
    value = parseDocument(text).toJS({ maxAliasCount: 0 });
  } catch {
    return "foreign";
  }
  const checks: unknown = typeof value === "object" && value !== null && "checks" in value ? value.checks : value;
  const isCheck = (one: unknown) => typeof one === "object" && one !== null && "kind" in one;
  return Array.isArray(checks) && checks.length > 0 && checks.every(isCheck) ? "own" : "foreign";
}
