const KEPT = "lyceum.organisation";

/** The organisation that is acted in; without one the hub takes the person's oldest. */
export const actingIn = (): string | null => localStorage.getItem(KEPT);

export function actIn(name: string | null) {
  if (name) localStorage.setItem(KEPT, name);
  else localStorage.removeItem(KEPT);
}
