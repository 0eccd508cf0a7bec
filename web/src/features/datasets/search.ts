import { type Filter, readFilters } from "./row-query";

export const TABS = [
  "data",
  "profile",
  "schema",
  "checks",
  "runs",
  "anomalies",
  "sources",
  "versions",
  "lineage",
  "settings",
] as const;
type Tab = (typeof TABS)[number];

/** What a dataset's page keeps in its address; `since` and `until` are schemas that are compared, `against`
 * is a version that the profile is compared with, `check` is one that is
 * being changed, or "new"; `run` is a check run, `metric` one that is watched, `diff` a comparison of rows. */
export type Search = {
  tab?: Exclude<Tab, "data">;
  version?: number;
  pending?: string;
  check?: string;
  run?: string;
  metric?: string;
  diff?: string;
  sort?: string;
  where?: Filter[];
  since?: number;
  until?: number;
  against?: number;
};

const numbers = ["version", "since", "until", "against"] as const;

/** What of an address the page knows. */
export function readSearch(search: Record<string, unknown>): Search {
  const tab = TABS.find((one) => one === search.tab);
  const found: Search = {
    ...(tab && tab !== "data" ? { tab } : {}),
    ...(typeof search.pending === "string" ? { pending: search.pending } : {}),
    ...(typeof search.check === "string" ? { check: search.check } : {}),
    ...(typeof search.run === "string" ? { run: search.run } : {}),
    ...(typeof search.diff === "string" ? { diff: search.diff } : {}),
    ...(typeof search.metric === "string" ? { metric: search.metric } : {}),
  };
  const where = readFilters(search.where);
  if (where.length) found.where = where;
  if (typeof search.sort === "string" && search.sort) found.sort = search.sort;
  for (const name of numbers) {
    const value = search[name];
    if (typeof value === "number" && Number.isInteger(value) && value > 0) found[name] = value;
  }
  return found;
}
