import { send } from "@/api/client";

export type ColumnProfile = {
  name: string;
  type: string;
  missing: number;
  missing_fraction: number;
  distinct: number;
  distinct_is_exact: boolean;
  min: string | number | boolean | null;
  max: string | number | boolean | null;
  mean: number | null;
  std: number | null;
  histogram: { edges: (number | string)[]; counts: number[] } | null;
  top_values: { value: string | number | boolean; count: number }[];
  // what profiles made by earlier releases do not have
  quantiles?: Record<string, number> | null;
  order?: "increasing" | "decreasing" | null;
  patterns?: { name: string; fraction: number }[];
  shapes?: { shape: string; count: number }[];
  length_mean?: number | null;
};
export type Correlation = { left: string; right: string; pearson: number; spearman: number; rows: number };
/** What `GET …/profile` holds. */
export type TableProfile = {
  rows: number;
  duplicate_rows: number | null;
  columns: ColumnProfile[];
  sampled_every?: number;
  correlations?: Correlation[];
};

export const profileQuery = (org: string, name: string, version: number) => ({
  queryKey: ["profile", org, name, version],
  // a version never changes
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: () => send<TableProfile>("GET", `datasets/${org}/${name}/versions/${version}/profile`),
});

/** The shape of a column in few bars: its histogram, else its most frequent values. */
export const shapeOf = (column: ColumnProfile): number[] =>
  column.histogram?.counts ?? column.top_values.slice(0, 8).map((one) => one.count);

export const isNumber = (type: string) => type === "integer" || type === "float";
