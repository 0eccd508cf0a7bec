import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { type Api, send } from "@/api/client";
import { setSession } from "@/api/session";

export type Organisation = { id: string; name: string; title: string; role: string };
/** Who is signed in; a program's key has no name and no organisations to choose from. */
export type Me = Api["Me"] & {
  email?: string | null;
  display_name?: string | null;
  email_verified?: boolean;
  organisations?: Organisation[];
  operates_hub?: boolean;
  locale?: string | null;
};

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
