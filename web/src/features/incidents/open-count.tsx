import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { Badge } from "@/ui/badge";
import { INCIDENTS_KEY } from "./acting";

/** How many incidents of a dataset are not resolved, leading to them; nothing where there are none. */
export function OpenIncidents({ dataset }: { dataset: string }) {
  const { t } = useTranslation();
  const { data } = useQuery({
    queryKey: [...INCIDENTS_KEY, "count", dataset],
    queryFn: async ({ signal }) =>
      (await client.GET("/api/v1/incidents/count", { params: { query: { dataset } }, signal })).data ?? null,
  });
  if (!data?.unresolved) return null;
  return (
    <Link to="/incidents" search={{ dataset }} className="hidden hover:underline sm:inline-flex">
      <Badge tone={data.critical ? "bad" : "warn"}>{t("dataset.incidents", { count: data.unresolved })}</Badge>
    </Link>
  );
}
