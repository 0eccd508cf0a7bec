import { actAs } from "@/api/acting";
import { queryClient, send } from "@/api/client";
import { live } from "@/api/live";
import { actIn } from "@/api/organisation";
import { setSession } from "@/api/session";
import { endPushing } from "./pushed";
import { signInOptions } from "./sign-in-options";
import { forgetSeen } from "./worker";

/** Ends the session, goes where nobody needs to be signed in, and forgets everything that was read in it. */
export async function signOut(leave: () => Promise<unknown>) {
  await endPushing();
  await send("DELETE", "sessions/current");
  await forgetEverything(leave);
}

export async function forgetEverything(leave: () => Promise<unknown>) {
  live.close();
  actAs(null);
  actIn(null);
  setSession("signed_out");
  try {
    // a page that is still shown would ask again for what is forgotten, and break
    await leave();
  } finally {
    queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[1] !== signInOptions.queryKey[1] });
    queryClient.getMutationCache().clear();
    await forgetSeen();
  }
}
