import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import CheckHistory, { historyOf } from "@/features/datasets/check-history";
import { FailingRows } from "@/features/datasets/failing-rows";
import { metricWords } from "@/features/datasets/metric-words";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Skeleton } from "@/ui/skeleton";
import { Facts } from "./facts";

const MetricSeries = lazy(async () => ({ default: (await import("@/features/datasets/metric-series")).MetricSeries }));

type Detail = Api["IncidentDetail"];
type Path = { org: string; name: string };
/** What stands below comes when the height of what is above it is known. */
type Above = Path & { children: ReactNode };
const ROWS_SHOWN = 5;

/** What was seen when an incident opened: the check's history and its failing rows, or the metrics against their bands. */
export default function Evidence({ incident, children }: { incident: Detail; children: ReactNode }) {
  const [org = "", name = ""] = incident.dataset.split("/");
  const { check_run_id: run, check_id: check, metrics } = incident.evidence;
  const odd = Array.isArray(metrics) ? metrics.flatMap((one) => (one?.metric ? [String(one.metric)] : [])) : [];
  const below = (
    <>
      <Facts evidence={incident.evidence} />
      {children}
    </>
  );
  if (typeof run === "string" && typeof check === "string") {
    return (
      <OfCheck org={org} name={name} run={run} check={check} version={incident.version}>
        {below}
      </OfCheck>
    );
  }
  return odd.length ? (
    <OfMetrics org={org} name={name} metrics={odd}>
      {below}
    </OfMetrics>
  ) : (
    below
  );
}

function OfCheck(props: Above & { run: string; check: string; version: number | null }) {
  const { org, name, run, check, version, children } = props;
  const { t } = useTranslation();
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/check-runs/{check_run_id}", { params: { path: { check_run_id: run } } }),
    // a run that is no longer kept has nothing to show
    retry: false,
  });
  const history = useQuery(historyOf(org, name, check));
  if (query.isLoading || history.isLoading) return <Skeleton className="h-80 rounded-lg" />;
  const result = query.data?.results.find((one) => one.check_id === check);
  const rows = result?.failing_rows ?? [];
  return (
    <>
      <Card flush title={t("incident.seen")}>
        <CheckHistory org={org} name={name} check={check} />
        {rows.length ? (
          <FailingRows rows={rows.slice(0, ROWS_SHOWN)} />
        ) : query.data ? (
          <p className="px-4 py-3 text-sm text-fg-2">{t("incident.noRows")}</p>
        ) : null}
        <p className="px-4 py-2.5 text-sm">
          <Link
            to="/datasets/$org/$name"
            params={{ org, name }}
            search={{ tab: "runs", ...(version ? { version } : {}) }}
            className="text-accent-text hover:underline"
          >
            {t("incident.failingRows")}
          </Link>
        </p>
      </Card>
      {children}
    </>
  );
}

function OfMetrics({ org, name, metrics, children }: Above & { metrics: string[] }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState(metrics[0] ?? "");
  return (
    <Suspense fallback={<Skeleton className="h-80 rounded-lg" />}>
      <div className="space-y-2">
        {metrics.length > 1 ? (
          <fieldset className="flex flex-wrap gap-1">
            <legend className="sr-only">{t("incident.fact.metrics")}</legend>
            {metrics.map((metric) => (
              <Button
                key={metric}
                kind={metric === chosen ? "plain" : "ghost"}
                aria-pressed={metric === chosen}
                onClick={() => setChosen(metric)}
              >
                {metricWords(metric, t)}
              </Button>
            ))}
          </fieldset>
        ) : null}
        <MetricSeries key={chosen} org={org} name={name} metric={chosen} />
        <p className="text-sm">
          <Link
            to="/datasets/$org/$name"
            params={{ org, name }}
            search={{ tab: "anomalies", metric: chosen }}
            className="text-accent-text hover:underline"
          >
            {t("incident.allMetrics")}
          </Link>
        </p>
      </div>
      {children}
    </Suspense>
  );
}
