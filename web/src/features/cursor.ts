import { type InfiniteData, keepPreviousData, type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import { queryClient } from "@/api/client";

type Page<T> = { items: T[]; next: string | null };
type Asked = { limit: number; cursor?: string };
const PAGE_ITEMS = 50;

/** Any list that the hub hands out by its cursor; while another is read, what was read stays. */
export function useCursor<T>(
  queryKey: QueryKey,
  read: (asked: Asked, signal: AbortSignal) => Promise<{ data?: Page<T> | undefined }>,
  { enabled = true, pollMs = false as number | false } = {},
) {
  const query = useInfiniteQuery({
    queryKey,
    enabled,
    refetchInterval: pollMs,
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const { data } = await read({ limit: PAGE_ITEMS, ...(pageParam ? { cursor: pageParam } : {}) }, signal);
      return data ?? { items: [], next: null };
    },
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
  return { query, items: query.data?.pages.flatMap((page) => page.items) };
}

/** Shows a list as it will be, and returns what puts it back as it was. */
export function editItems<T>(queryKey: QueryKey, edit: (items: T[]) => T[]): () => void {
  const before = queryClient.getQueryData<InfiniteData<Page<T>>>(queryKey);
  if (before) {
    const pages = before.pages.map((page) => ({ ...page, items: edit(page.items) }));
    queryClient.setQueryData(queryKey, { ...before, pages });
  }
  return () => queryClient.setQueryData(queryKey, before);
}
