import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { percent } from "@/i18n/format";
import { LineChart } from "@/ui/charts/line";
import { Skeleton } from "@/ui/skeleton";

const RUNS_SHOWN = 50;

/** How the history of a check is asked for. */
export const historyOf = (org: string, name: string, check: string) => ({
  ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/checks/{check_id}/history", {
    params: { path: { org, name, check_id: check }, query: { limit: RUNS_SHOWN } },
  }),
  retry: false,
});

/** Which share of the rows failed a check, run by run; nothing of one that ran only once. */
export default function CheckHistory({ org, name, check }: { org: string; name: string; check: string }) {
  const { t } = useTranslation();
  const query = useQuery(historyOf(org, name, check));
  if (query.isLoading) return <Skeleton className="m-4 h-40" />;
  const points = [...(query.data?.items ?? [])].reverse();
  if (points.length < 2) return null;
  return (
    <div className="p-4">
      <LineChart
        label={t("checkRun.history")}
        description={t("checkRun.historyText", {
          count: points.length,
          last: percent(points.at(-1)?.failing_fraction ?? 0),
        })}
        points={points.map((one, place) => ({ x: place + 1, y: one.failing_fraction }))}
        xLabel={t("checkRun.run")}
        yLabel={t("checkRun.failing")}
        height={160}
        xKind="count"
      />
    </div>
  );
}
