export type Step = "down" | "up" | "acknowledge" | "resolve" | "snooze" | "select" | "clear";

const STEPS: Record<string, Step> = {
  j: "down",
  arrowdown: "down",
  k: "up",
  arrowup: "up",
  a: "acknowledge",
  r: "resolve",
  s: "snooze",
  x: "select",
  escape: "clear",
};

type Pressed = { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean };

/** What a key does in the list, null for what the browser or the page does with it. */
export function stepOf({ key, ctrlKey, metaKey, altKey }: Pressed): Step | null {
  return ctrlKey || metaKey || altKey ? null : (STEPS[key.toLowerCase()] ?? null);
}

/** The row that has the focus after a step, from -1 for none. */
export function nextRow(row: number, step: "down" | "up", rows: number): number {
  if (rows === 0) return -1;
  return Math.min(rows - 1, Math.max(0, row + (step === "down" ? 1 : -1)));
}

/** The ids with one put in or taken out, and without those that are no longer listed. */
export function toggled(chosen: ReadonlySet<string>, id: string, listed: readonly string[]): Set<string> {
  const next = new Set(listed.filter((one) => chosen.has(one)));
  if (!next.delete(id)) next.add(id);
  return next;
}

const AT_ONCE = 4;

/** Carries something out for each, a few at a time; returns what went wrong, in their order. */
export async function forEachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<unknown[]> {
  const problems: unknown[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    const ends = await Promise.allSettled(items.slice(from, from + AT_ONCE).map(work));
    problems.push(...ends.filter((end) => end.status === "rejected").map((end) => end.reason));
  }
  return problems;
}
