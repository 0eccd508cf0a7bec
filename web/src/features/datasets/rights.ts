import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { useMe } from "@/shell/me";

const GRANTS_MAX = 100;

/** Whether the reader may change datasets of the organisation as one of its members. */
export function useChangesAsMember(org: string): boolean {
  const me = useMe();
  return me.organisation === org && me.powers.includes("datasets:write");
}

/** Whether the reader may change a dataset: a member by their role, a guest by what they were granted. */
export function useMayChange(org: string, name: string): boolean {
  const isGuest = useMe().organisation !== org;
  const asMember = useChangesAsMember(org);
  const granted = useQuery({
    ...api.queryOptions("get", "/api/v1/grants-to-me", { params: { query: { limit: GRANTS_MAX } } }),
    enabled: isGuest,
  }).data?.items;
  if (!isGuest) return asMember;
  const address = `${org}/${name}`;
  return !!granted?.some((one) => one.kind === "dataset" && one.address === address && one.role === "maintainer");
}
