import type { Api } from "@/api/client";

export type Filter = { column: string; op: Op; value: string };
type Op = Api["RowFilter"]["op"];
export const OPS: readonly Op[] = ["equals", "differs", "contains", "at_least", "at_most", "is_missing", "is_present"];
const WITHOUT_VALUE: ReadonlySet<Op> = new Set<Op>(["is_missing", "is_present"]);
const FILTERS_MAX = 20;
/** What the hub hands out at once; wide tables come in fewer rows. */
const CELLS_AT_ONCE = 50_000;
const ROWS_AT_ONCE = 100;

export const hasValue = (op: Op) => !WITHOUT_VALUE.has(op);

/** Conditions that make sense for a type. */
export const opsOf = (type: string): readonly Op[] =>
  type === "boolean" ? OPS.filter((op) => !["contains", "at_least", "at_most"].includes(op)) : OPS;

/** What of an address is a list of filters. */
export function readFilters(value: unknown): Filter[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, FILTERS_MAX).flatMap((one: unknown): Filter[] => {
    if (typeof one !== "object" || one === null) return [];
    const { column, op, value: wanted = "" } = one as Record<string, unknown>;
    const known = OPS.find((each) => each === op);
    const text = typeof wanted === "object" ? "" : String(wanted);
    return typeof column === "string" && known ? [{ column, op: known, value: text }] : [];
  });
}

/** `sort` as the address has it: a column, with a minus before it where the largest come first. */
export const orderOf = (sort: string | undefined): Api["RowOrder"] | null =>
  sort ? { column: sort.replace(/^-/, ""), descending: sort.startsWith("-") } : null;

/** The order after one more press on a column: rising, falling, as the table has it. */
export function nextSort(sort: string | undefined, column: string): string | undefined {
  if (sort === column) return `-${column}`;
  return sort === `-${column}` ? undefined : column;
}

export const pageRows = (columns: number) => Math.max(1, Math.min(ROWS_AT_ONCE, Math.floor(CELLS_AT_ONCE / columns)));

/** The pages in which rows stand, from the first that is shown to the last. */
export function pagesOf(first: number, last: number, size: number): number[] {
  const from = Math.floor(first / size);
  return Array.from({ length: Math.max(0, Math.floor(last / size) - from + 1) }, (_, at) => from + at);
}
