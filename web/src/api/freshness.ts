import { useSyncExternalStore } from "react";

// What the service worker answered in the hub's place is marked, so that nobody takes it for what is.
let seenAt: string | null = null;
const listeners = new Set<() => void>();

export function noteFreshness(response: Response) {
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
