import { useInfiniteQuery } from "@tanstack/react-query";
import { client } from "@/api/client";

type Listed = "/api/v1/datasets" | "/api/v1/runs" | "/api/v1/models" | "/api/v1/jobs";
type Items = {
  "/api/v1/datasets": import("@/api/client").Api["DatasetListed"];
  "/api/v1/runs": import("@/api/client").Api["Run"];
  "/api/v1/models": import("@/api/client").Api["Model"];
  "/api/v1/jobs": import("@/api/client").Api["JobOut"];
};
const PAGE_ITEMS = 50;

/** A list by its pages, as the hub hands them out. */
export function usePages<P extends Listed>(path: P, options: { refetchMs?: number | false } = {}) {
  const query = useInfiniteQuery({
    queryKey: ["get", path, "pages"],
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const params = { query: { limit: PAGE_ITEMS, ...(pageParam ? { cursor: pageParam } : {}) } };
      const { data } = await client.GET(path as "/api/v1/datasets", { params, signal });
      return data as unknown as { items: Items[P][]; next: string | null };
    },
    getNextPageParam: (page) => page.next,
    refetchInterval: options.refetchMs ?? false,
  });
  return { query, items: query.data?.pages.flatMap((page) => page.items) };
}
