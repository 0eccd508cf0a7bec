import { useSyncExternalStore } from "react";

// Some requests are only taken from somebody who has just shown that it is them. They wait here until that is done, and are
// then sent again as they were.
let ways: string[] | null = null;
let waiting: ((shown: boolean) => void)[] = [];
const listeners = new Set<() => void>();

function set(next: string[] | null) {
  ways = next;
  for (const listener of listeners) listener();
}

/** Resolves to true once it is shown that it is them, by one of these ways, to false when they leave it. */
export function steppedUp(methods: string[]): Promise<boolean> {
  set(methods);
  return new Promise((resolve) => waiting.push(resolve));
}

export function endStepUp(shown: boolean) {
  const woken = waiting;
  waiting = [];
  set(null);
  for (const wake of woken) wake(shown);
}

/** The ways to show it while that is asked for, else null. */
export function useStepUp(): string[] | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => ways,
  );
}
