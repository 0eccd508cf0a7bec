import type { TFunction } from "i18next";
import { figure } from "@/i18n/format";

type Definition = Record<string, unknown>;

/** A check's definition as a short phrase. */
export function wordsOf(definition: Definition, t: TFunction): string {
  const column = String(definition.column ?? "");
  const columns = Array.isArray(definition.columns) ? definition.columns.map(String).join(", ") : column;
  const min = bound(definition.min);
  const max = bound(definition.max);
  const sides = min && max ? "Both" : min ? "Min" : "Max";
  switch (definition.kind) {
    case "not_null":
      return t("check.notNull", { column });
    case "unique":
      return t("check.unique", { columns });
    case "range":
      return t(`check.range${sides}`, { column, min, max });
    case "in_set":
      return t("check.inSet", { column });
    case "row_count":
      return t(`check.rowCount${sides}`, { min, max });
    default:
      return `${String(definition.kind)} ${columns}`;
  }
}

function bound(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? figure(value) : String(value);
}
