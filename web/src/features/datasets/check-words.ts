import type { TFunction } from "i18next";
import { duration, figure, percent } from "@/i18n/format";

export type Definition = Record<string, unknown>;

/** A check's definition as a short phrase. */
export function wordsOf(definition: Definition, t: TFunction): string {
  const text = (name: string) => String(definition[name] ?? "");
  const column = text("column");
  const columns = Array.isArray(definition.columns) ? definition.columns.map(nameOf).join(", ") : column;
  const [min, max] = [bound(definition.min), bound(definition.max)];
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
    case "completeness":
      return t("check.says.completeness", { column, share: percent(Number(definition.min_share)) });
    case "length":
      return t(`check.says.length${sides}`, { column, min, max });
    case "regex":
      return t(definition.forbidden ? "check.says.regexForbidden" : "check.says.regex", {
        column,
        pattern: text("pattern"),
      });
    case "monotonic":
      return t(definition.direction === "decreasing" ? "check.says.decreasing" : "check.says.increasing", { column });
    case "outliers":
      if (definition.method === "isolation_forest") {
        return t("check.says.isolated", { columns, max: bound(definition.score_max ?? 0.65) });
      }
      return t("check.says.outliers", { column, max: bound(definition.robust_z_max ?? 5) });
    case "statistic":
      return t(`check.says.statistic${sides}`, { column, statistic: text("statistic"), min, max });
    case "volume":
      return volume(definition, t);
    case "freshness":
      return t("check.says.freshness", { column, age: duration(Number(definition.age_seconds_max)) });
    case "schema":
      return t("check.says.schema", { count: Array.isArray(definition.columns) ? definition.columns.length : 0 });
    case "primary_key":
    case "drift":
      return t(`check.says.${definition.kind}`, { columns });
    case "referential":
      return t("check.says.referential", { columns, to: text("to") });
    case "type":
      return t("check.says.type", { column, type: text("type") });
    case "conditional":
      return t("check.says.conditional", { condition: text("when"), consequence: text("then") });
    case "cross_column":
      return t("check.says.cross_column", { left: text("left"), operator: text("operator"), right: text("right") });
    case "expression":
      return text("expression");
    case "sql":
      return t("check.says.sql", { query: text("query") });
    default:
      return `${text("kind")} ${columns}`.trim();
  }
}

function volume(definition: Definition, t: TFunction): string {
  const share = (value: unknown) => (typeof value === "number" ? percent(value) : "");
  // what nobody says is half
  const fall = share(definition.fall_max === undefined ? 0.5 : definition.fall_max);
  const rise = share(definition.rise_max);
  return t(`check.says.volume${fall && rise ? "Both" : fall ? "Min" : "Max"}`, { fall, rise });
}

const nameOf = (column: unknown) =>
  typeof column === "object" && column !== null && "name" in column ? String(column.name) : String(column);

function bound(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? figure(value) : String(value);
}
