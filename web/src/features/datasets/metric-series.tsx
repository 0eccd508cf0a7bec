import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { clock, day, figure } from "@/i18n/format";
import { Card } from "@/ui/card";
import { BandChart } from "@/ui/charts/band";
import { Failed } from "@/ui/failed";
import { Skeleton } from "@/ui/skeleton";
import { metricWords } from "./metric-words";

const DAY_MS = 86_400_000;
const LOOKS: Record<string, "odd" | "expected"> = { held: "odd", confirmed: "odd", expected: "expected" };

/** A metric of a dataset's versions with the band it was expected in. */
export function MetricSeries({ org, name, metric }: { org: string; name: string; metric: string }) {
  const { t } = useTranslation();
  const query = useQuery(
    api.queryOptions("get", "/api/v1/datasets/{org}/{name}/anomalies/metrics/{metric}", {
      params: { path: { org, name, metric } },
    }),
  );
  const title = metricWords(metric, t);
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const points = query.data?.points ?? [];
  const within = Date.parse(points.at(-1)?.at ?? "") - Date.parse(points[0]?.at ?? "");
  const named = within < DAY_MS ? clock : day;
  const last = points.at(-1)?.value;
  return (
    <Card title={title}>
      <div className="min-h-80">
        {query.data ? (
          <BandChart
            label={t("anomaly.chart", { metric: title })}
            description={t("anomaly.chartText", {
              count: points.length,
              odd: points.filter((one) => LOOKS[one.mark] === "odd").length,
              last: typeof last === "number" ? figure(last) : "",
            })}
            words={{
              value: t("anomaly.value"),
              band: t("anomaly.band"),
              point: t("anomaly.point"),
              odd: t("anomaly.odd"),
            }}
            points={points.map((one) => ({
              name: named(one.at),
              value: one.value,
              low: one.low,
              high: one.high,
              look: LOOKS[one.mark] ?? "usual",
            }))}
          />
        ) : (
          <Skeleton className="h-72" />
        )}
      </div>
    </Card>
  );
}
