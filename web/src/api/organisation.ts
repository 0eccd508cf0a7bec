import { actingAs } from "./acting";

const KEPT = "lyceum.organisation";

/** Where the choice is kept: an administrator's own stays as it was while they act as somebody else. */
const place = () => (actingAs() ? sessionStorage : localStorage);

/** The organisation that is acted in; without one the hub takes the person's oldest. */
export const actingIn = (): string | null => place().getItem(KEPT);

export function actIn(name: string | null) {
  if (name) place().setItem(KEPT, name);
  else place().removeItem(KEPT);
}
