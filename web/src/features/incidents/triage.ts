export type Step = "down" | "up" | "acknowledge" | "resolve" | "snooze";

const STEPS: Record<string, Step> = {
  j: "down",
  arrowdown: "down",
  k: "up",
  arrowup: "up",
  a: "acknowledge",
  r: "resolve",
  s: "snooze",
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
