import { useSyncExternalStore } from "react";

// What the service worker answered in the hub's place is marked, so that nobody takes it for what is.
let seenAt: string | null = null;
const listeners = new Set<() => void>();

let onLate: (() => void) | null = null;
let askedAgainAt = Number.NEGATIVE_INFINITY;
const AGAIN_AFTER_MS = 30_000;

/** Calls back when a slow hub was not waited for: asked again, its answer comes. Seldom, so that it is not made slower. */
export function whenHubIsLate(callback: () => void) {
  onLate = callback;
}

export function noteFreshness(response: Response, now = performance.now()) {
  if (response.headers.has("x-hub-late") && now - askedAgainAt >= AGAIN_AFTER_MS) {
    askedAgainAt = now;
    // once whoever asked has this answer
    setTimeout(() => onLate?.());
  }
  const next = response.headers.get("x-last-seen");
  if (next === seenAt || (next === null && !response.ok)) return;
  seenAt = next;
  for (const listener of listeners) listener();
}

/** When what is shown was seen last, as the hub wrote it; null while it is what is. */
export function useLastSeen(): string | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => seenAt,
  );
}
