import { useSyncExternalStore } from "react";

// As whom an administrator acts: kept in the tab alone, so that the administrator's other tabs stay their own.
export type Acting = { id: string; name: string; endsAt: string };

const KEPT = "lyceum.acting";
const listeners = new Set<() => void>();
let acting: Acting | null = kept();

function kept(): Acting | null {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    return isActing(found) && Date.parse(found.endsAt) > Date.now() ? found : null;
  } catch {
    return null;
  }
}

function isActing(value: unknown): value is Acting {
  return typeof value === "object" && value !== null && "id" in value && "name" in value && "endsAt" in value;
}

export const actingAs = () => acting;

export function actAs(next: Acting | null) {
  acting = next;
  if (next) sessionStorage.setItem(KEPT, JSON.stringify(next));
  else sessionStorage.removeItem(KEPT);
  for (const listener of listeners) listener();
}

export function useActing(): Acting | null {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, actingAs);
}
