import type { TFunction } from "i18next";

type Definition = Record<string, unknown>;

/** A check's definition as a short phrase. */
export function wordsOf(definition: Definition, t: TFunction): string {
  const column = String(definition.column ?? "");
  const columns = Array.isArray(definition.columns) ? definition.columns.map(String).join(", ") : column;
  const min = bound(definition.min);
  const max = bound(definition.max);
  switch (definition.kind) {
    case "not_null":
      return t("check.notNull", { column });
    case "unique":
      return t("check.unique", { columns });
    case "range":
      return t("check.range", { column, min: min || "…", max: max || "…" });
    case "in_set":
      return t("check.inSet", { column });
    case "row_count":
      return t("check.rowCount", { min: min || "…", max: max || "…" });
    default:
      return `${String(definition.kind)} ${columns}`;
  }
}

const bound = (value: unknown) => (value === null || value === undefined ? "" : String(value));
