import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { type Api, client } from "@/api/client";

type Listed = {
  "/api/v1/admin/users": Api["Person"];
  "/api/v1/admin/organisations": Api["OrganisationSummary"];
  "/api/v1/admin/schedules": Api["HubSchedule"];
  "/api/v1/admin/audit": Api["AuditEntry"];
  "/api/v1/hub/jobs": Api["HubJob"];
  "/api/v1/hub/storage": Api["OrganisationStorage"];
};
type Wanted = Record<string, string | string[] | undefined>;
export type HubPage<P extends keyof Listed> = { items: Listed[P][]; next: string | null };
const PAGE_ITEMS = 50;

export const hubPagesKey = (path: keyof Listed, wanted: Wanted = {}) => ["get", path, "pages", wanted] as const;

/** A list of the whole hub by its pages; what is there stays in sight while another filter is read. */
export function useHubPages<P extends keyof Listed>(path: P, wanted: Wanted = {}, refetchMs: number | false = false) {
  const query = useInfiniteQuery({
    queryKey: hubPagesKey(path, wanted),
    initialPageParam: null as string | null,
    queryFn: async ({ pageParam, signal }) => {
      const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value?.length));
      const params = { query: { limit: PAGE_ITEMS, ...given, ...(pageParam ? { cursor: pageParam } : {}) } };
      const { data } = await client.GET(path as "/api/v1/admin/users", { params, signal });
      return data as unknown as HubPage<P>;
    },
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: refetchMs,
  });
  return { query, items: query.data?.pages.flatMap((page) => page.items) };
}
