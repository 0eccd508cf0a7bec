import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";

const NAMED_MAX = 200;

/** What organisations are called, by their ids; one that is not known is told by the beginning of its id. */
export function useOrganisationNames(): (id: string | null) => string | null {
  const query = useQuery(
    api.queryOptions("get", "/api/v1/admin/organisations", { params: { query: { limit: NAMED_MAX } } }),
  );
  const names = new Map(query.data?.items.map((one) => [one.id, one.name]));
  return (id) => (id === null ? null : (names.get(id) ?? id.slice(0, 8)));
}
