import type { TFunction } from "i18next";

const KINDS = [
  "apart",
  "apart_most",
  "apart_rows",
  "apart_size",
  "distinct",
  "greatest",
  "least",
  "length",
  "longest",
  "mean",
  "missing",
  "negative",
  "new",
  "new_shape",
  "q05",
  "q25",
  "q50",
  "q75",
  "q95",
  "rows",
  "shortest",
  "spread",
  "unlike",
  "zero",
] as const;

/** What a metric measures, such as "Mean", of its name's last part. */
export function kindWords(kind: string, t: TFunction): string {
  const known = KINDS.find((one) => one === kind);
  if (known) return t(`anomaly.kind.${known}`);
  const place = /^share of value (\d+)$/.exec(kind)?.[1];
  return place ? t("anomaly.shareOf", { place }) : kind;
}

/** A metric with its column, such as "delay · Mean": its name is "column|kind", and a column may have a bar in it. */
export function metricWords(metric: string, t: TFunction): string {
  const bar = metric.lastIndexOf("|");
  const column = metric.slice(0, bar);
  const kind = kindWords(metric.slice(bar + 1), t);
  return column ? `${column} · ${kind}` : kind;
}
