import { queryClient } from "@/api/client";
import { live } from "@/api/live";
import { actIn } from "@/api/organisation";
import { problemOf } from "@/api/problem";
import { hubPath } from "@/api/root";
import { hubFetch } from "@/api/transport";
import { type Me, meQuery } from "./me";

const isOfMe = (key: readonly unknown[]) => key[0] === meQuery.queryKey[0];

/** Acts in another organisation: nothing that was read in the one before is shown any more, and no news of it come.
 *
 * Who one is there is asked first, so that a refusal changes nothing. `leave` goes away from a page that is the other's.
 */
export async function changeOrganisation(
  organisation: string | null,
  leave: () => Promise<unknown> = async () => undefined,
) {
  if (organisation === null) actIn(null);
  const headers: HeadersInit = organisation ? { "Lyceum-Organisation": organisation } : {};
  const response = await hubFetch(new Request(new URL(hubPath("api/v1/me"), location.href), { headers }));
  if (!response.ok) throw await problemOf(response);
  const me = (await response.json()) as Me;
  await leave();
  actIn(organisation);
  live.close();
  queryClient.setQueryData(meQuery.queryKey, me);
  void queryClient.resetQueries({ predicate: (query) => !isOfMe(query.queryKey) });
  live.open();
}
