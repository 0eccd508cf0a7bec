import { actingAs } from "./acting";

const KEPT = "lyceum.organisation";

const KEPT_OF_OTHER = "lyceum.organisation.acting";

// Each tab acts in an organisation of its own, so that what one tab shows is never changed in the name of another's. A new tab
// begins where the last one was.
let acting = sessionStorage.getItem(KEPT) ?? localStorage.getItem(KEPT);
const listeners = new Set<() => void>();

/** The organisation that is acted in; without one the hub takes the person's oldest. */
export const actingIn = (): string | null => (actingAs() ? sessionStorage.getItem(KEPT_OF_OTHER) : acting);

export function actIn(name: string | null) {
  if (actingAs()) {
    // an administrator's own choice stays as it was while they act as somebody else
    if (name) sessionStorage.setItem(KEPT_OF_OTHER, name);
    else sessionStorage.removeItem(KEPT_OF_OTHER);
    return;
  }
  acting = name;
  for (const kept of [sessionStorage, localStorage]) {
    if (name) kept.setItem(KEPT, name);
    else kept.removeItem(KEPT);
  }
}

/** Acts in none that was chosen, and says so to whoever shows something of it: it is deleted, or no longer the person's. */
export function loseOrganisation() {
  actIn(null);
  for (const listener of listeners) listener();
}

export function whenOrganisationIsLost(listener: () => void) {
  listeners.add(listener);
}
