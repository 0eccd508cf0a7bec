import type { Api } from "@/api/client";

type Column = Api["TriedColumn"];
export const MODES: readonly Api["SchemaCompatibility"]["mode"][] = [
  "NONE",
  "BACKWARD",
  "BACKWARD_TRANSITIVE",
  "FORWARD",
  "FORWARD_TRANSITIVE",
  "FULL",
  "FULL_TRANSITIVE",
];
export const COLUMN_TYPES: readonly Column["type"][] = [
  "boolean",
  "integer",
  "float",
  "string",
  "date",
  "timestamp",
  "timestamp_utc",
];

/** What to send of what was typed; `line` is where it is none of both, 0 where nothing was typed. */
export type Tried = { avro: string } | { columns: Column[] } | { line: number };

/** Reads an Avro schema, or columns a line: a name, a type, and `required` where it is never missing. */
export function readTried(text: string): Tried {
  const trimmed = text.trim();
  if (/^[{["]/.test(trimmed)) return { avro: trimmed };
  const columns: Column[] = [];
  for (const [at, written] of text.split("\n").entries()) {
    const line = written.trim();
    if (!line) continue;
    const [, name, typed, required] = /^(.+?)[\s:]+([a-z_]+)(\s+required)?$/.exec(line) ?? [];
    const type = COLUMN_TYPES.find((one) => one === typed);
    if (!name || !type) return { line: at + 1 };
    columns.push({ name, type, nullable: required === undefined });
  }
  return columns.length ? { columns } : { line: 0 };
}

/** The columns as one would type them. */
export const writtenColumns = (columns: { name: string; type: string; nullable: boolean }[]) =>
  columns.map((one) => `${one.name} ${one.type}${one.nullable ? "" : " required"}`).join("\n");
