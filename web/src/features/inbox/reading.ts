import { type InfiniteData, type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { COUNT_KEY } from "@/shell/inbox-bell";
import { toast } from "@/ui/toast";

type Notice = Api["NoticeOut"];
type Pages = InfiniteData<Api["InboxPage"], string | null>;
const LIST_KEY = ["inbox", "list"] as const;
const PAGE_ITEMS = 30;

/** The inbox by its pages, newest first. */
export function useInbox(unread: boolean) {
  const query = useInfiniteQuery({
    queryKey: [...LIST_KEY, unread],
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const params = { query: { limit: PAGE_ITEMS, unread, ...(pageParam ? { cursor: pageParam } : {}) } };
      const { data } = await client.GET("/api/v1/inbox", { params, signal });
      return data as Api["InboxPage"];
    },
    getNextPageParam: (page) => page.next,
  });
  return { query, items: query.data?.pages.flatMap((page) => page.items) };
}

/** Shows notices as read, or as unread, at once; what was shown before comes back when the hub refuses. */
export async function mark(ids: string[], as: "read" | "unread") {
  await shownFirst(
    (notice) => ids.includes(notice.id),
    as,
    () =>
      as === "read"
        ? client.POST("/api/v1/inbox/read", { body: { ids } })
        : client.POST("/api/v1/inbox/unread", { body: { ids } }),
  );
}

/** Shows everything as read that is not newer than `newest`. */
export async function markAllRead(newest: string) {
  await shownFirst(
    () => true,
    "read",
    () => client.POST("/api/v1/inbox/read", { body: { ids: [], up_to: newest } }),
  );
}

async function shownFirst(
  fits: (notice: Notice) => boolean,
  as: "read" | "unread",
  ask: () => Promise<{ data?: Api["InboxCount"] }>,
) {
  await queryClient.cancelQueries({ queryKey: LIST_KEY });
  const before = queryClient.getQueriesData<Pages>({ queryKey: LIST_KEY });
  const counted = queryClient.getQueryData<Api["InboxCount"]>(COUNT_KEY);
  const now = new Date().toISOString();
  const changed = new Set<string>();
  const next = (notice: Notice): Notice => {
    if (!fits(notice) || (notice.read_at !== null) === (as === "read")) return notice;
    changed.add(notice.id);
    return { ...notice, read_at: as === "read" ? now : null };
  };
  queryClient.setQueriesData<Pages>({ queryKey: LIST_KEY }, (old) => old && mapped(old, next));
  if (counted) {
    const unread = Math.max(0, counted.unread + (as === "read" ? -changed.size : changed.size));
    queryClient.setQueryData(COUNT_KEY, { unread });
  }
  try {
    const { data } = await ask();
    if (data) queryClient.setQueryData(COUNT_KEY, data);
  } catch (error) {
    for (const [key, data] of before) queryClient.setQueryData(key as QueryKey, data);
    queryClient.setQueryData(COUNT_KEY, counted);
    toast(saidBy(error), { tone: "bad" });
  }
}

const mapped = (pages: Pages, next: (notice: Notice) => Notice): Pages => ({
  ...pages,
  pages: pages.pages.map((page) => ({ ...page, items: page.items.map(next) })),
});
