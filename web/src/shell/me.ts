import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { type Api, send } from "@/api/client";
import { setSession } from "@/api/session";

/** Who is signed in, and in which organisation they act; null where they are in none. */
export type Me = Api["Me"];

export const meQuery = queryOptions({
  queryKey: ["me"],
  staleTime: 60_000,
  queryFn: async () => {
    const me = await send<Me>("GET", "me");
    setSession("signed_in");
    return me;
  },
});

export const useMe = () => useSuspenseQuery(meQuery).data;

export const initialsOf = (name: string) =>
  name
    .split(/[\s.@-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => word[0]?.toUpperCase())
    .join("") || "?";
