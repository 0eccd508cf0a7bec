import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { type Api, client } from "@/api/client";
import { type Filter, orderOf } from "./row-query";

export type Asked = { org: string; name: string; version: number; sort: string | undefined; filters: Filter[] };
type Slice = Api["Slice"];

const sliceQuery = ({ org, name, version, sort, filters }: Asked, page: number, size: number) => ({
  queryKey: ["slice", org, name, version, sort ?? "", filters, page, size],
  // a version never changes
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }: { signal: AbortSignal }) => {
    if (page === 0 && !sort && filters.length === 0) return beginning({ org, name, version }, size, signal);
    const { data } = await client.POST("/api/v1/datasets/{org}/{name}/versions/{number}/slices", {
      params: { path: { org, name, number: version as never } },
      body: { filters, order: orderOf(sort), offset: page * size, limit: size },
      signal,
    });
    return data as Slice;
  },
});

/** The beginning of a version as it stands: by requests whose answers are there without a network, too. */
async function beginning({ org, name, version }: Omit<Asked, "sort" | "filters">, size: number, signal: AbortSignal) {
  const path = { org, name, number: version as never };
  const [{ data: rows }, { data: facts }] = await Promise.all([
    client.GET("/api/v1/datasets/{org}/{name}/versions/{number}/preview", {
      params: { path, query: { limit: size } },
      signal,
    }),
    client.GET("/api/v1/datasets/{org}/{name}/versions/{number}", { params: { path }, signal }),
  ]);
  const preview = rows as Api["Preview"];
  const total = (facts as Api["Version"]).row_count ?? 0;
  return { ...preview, places: preview.rows.map((_, at) => at + 1), matching: total, row_count: total } as Slice;
}

/** The first rows that fit, and how many do; while others are asked for, the ones before stay. */
export const useFirstRows = (asked: Asked, size: number) =>
  useQuery({ ...sliceQuery(asked, 0, size), placeholderData: keepPreviousData });

/** The rows of further pages as they come; returns what finds a row by its place in what fits, and what went wrong. */
export function useRows(asked: Asked, size: number, pages: number[], first: Slice | undefined) {
  const wanted = pages.filter((page) => page > 0);
  const others = useQueries({ queries: wanted.map((page) => sliceQuery(asked, page, size)) });
  const rowAt = (index: number): { values: unknown[]; place: number } | null => {
    const page = Math.floor(index / size);
    const slice = page === 0 ? first : others[wanted.indexOf(page)]?.data;
    const values = slice?.rows[index - page * size];
    return slice && values ? { values, place: slice.places[index - page * size] ?? 0 } : null;
  };
  return { rowAt, problem: others.find((one) => one.error)?.error ?? null };
}
