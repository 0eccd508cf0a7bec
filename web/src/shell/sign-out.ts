import { actAs } from "@/api/acting";
import { queryClient, send } from "@/api/client";
import { live } from "@/api/live";
import { actIn } from "@/api/organisation";
import { setSession } from "@/api/session";
import { endPushing } from "./pushed";
import { forgetSeen } from "./worker";

/** Ends the session and forgets everything that was read in it. */
export async function signOut() {
  await endPushing();
  await send("DELETE", "sessions/current");
  await forgetEverything();
}

export async function forgetEverything() {
  live.close();
  actAs(null);
  actIn(null);
  setSession("signed_out");
  queryClient.clear();
  await forgetSeen();
}
