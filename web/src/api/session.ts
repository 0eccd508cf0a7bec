import { useSyncExternalStore } from "react";

// Whether somebody is signed in, as far as this page knows. `expired` opens the sign-in window over the page: what was asked
// meanwhile waits, and what was typed stays.
export type SessionState = "unknown" | "signed_in" | "expired" | "signed_out";

let state: SessionState = "unknown";
let waiting: ((again: boolean) => void)[] = [];
const listeners = new Set<() => void>();

export const sessionState = () => state;

export function setSession(next: SessionState) {
  state = next;
  if (next === "signed_in" || next === "signed_out") {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake(next === "signed_in");
  }
  for (const listener of listeners) listener();
}

/** Resolves to true once somebody has signed in again, to false when they leave instead. */
export function signedInAgain(): Promise<boolean> {
  setSession("expired");
  return new Promise((resolve) => waiting.push(resolve));
}

export function useSession(): SessionState {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, sessionState);
}
