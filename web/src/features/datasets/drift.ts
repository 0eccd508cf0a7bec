import type { ColumnProfile, TableProfile } from "./profile";

/** Above it a distribution counts as moved, as checks of drift have it by themselves. */
export const MOVED_ABOVE = 0.1;
export const METHODS = ["psi", "jensen_shannon", "ks", "wasserstein"] as const;
export type Method = (typeof METHODS)[number];
const OF_NUMBERS = new Set<Method>(["ks", "wasserstein"]);
const CATEGORIES_MAX = 200;
const COLUMNS_MAX = 40;

/** The columns of both versions whose distributions a method can compare; long texts and times have none worth it, masked columns none at all. */
export function comparable(now: TableProfile, before: TableProfile, method: Method): string[] {
  const types = new Map(before.columns.map((one) => [one.name, one.type]));
  const fits = (one: ColumnProfile) => {
    if (types.get(one.name) !== one.type) return false;
    // masked, or there is nothing in it: no value of it is told
    if (one.max === null && one.histogram === null && one.top_values.length === 0) return false;
    if (one.type === "integer" || one.type === "float") return true;
    return (
      !OF_NUMBERS.has(method) && (one.type === "boolean" || (one.type === "string" && one.distinct <= CATEGORIES_MAX))
    );
  };
  return now.columns
    .filter(fits)
    .slice(0, COLUMNS_MAX)
    .map((one) => one.name);
}

/** Effect sizes of a trial's metrics, the largest first. */
export function effects(metrics: Record<string, number>, method: Method): { column: string; effect: number }[] {
  const before = `${method}.`;
  return Object.entries(metrics)
    .filter(([name]) => name.startsWith(before))
    .map(([name, effect]) => ({ column: name.slice(before.length), effect }))
    .sort((one, other) => other.effect - one.effect);
}

/** The most frequent values of both versions with their shares; null where a version's own list does not have one. */
export function sharesOf(
  now: ColumnProfile,
  before: ColumnProfile,
  rows: { now: number; before: number },
  most: number,
) {
  const filled = { now: rows.now - now.missing || 1, before: rows.before - before.missing || 1 };
  const of = (profile: ColumnProfile) => new Map(profile.top_values.map((one) => [String(one.value), one.count]));
  const [counts, earlier] = [of(now), of(before)];
  const share = (count: number | undefined, total: number) => (count === undefined ? null : count / total);
  return [...new Set([...counts.keys(), ...earlier.keys()])].slice(0, most).map((value) => ({
    value,
    now: share(counts.get(value), filled.now),
    before: share(earlier.get(value), filled.before),
  }));
}
