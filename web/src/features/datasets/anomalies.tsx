import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Activity } from "lucide-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { usePollMs } from "@/features/live-job";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { MetricList } from "./metric-list";
import { MetricSeries } from "./metric-series";
import { anomaliesAnew, OddVersions } from "./odd-versions";

type Path = { org: string; name: string };
type Props = Path & { metric: string | undefined; onMetric: (metric: string) => void };
type Watch = Api["Watch"];

const WATCHED_FROM_VERSIONS = 10;
const WATCH = "/api/v1/datasets/{org}/{name}/watch";
const METRICS = "/api/v1/datasets/{org}/{name}/anomalies/metrics";

/** The metrics of a dataset's versions, which of them were odd, and what people say of that. */
export default function Anomalies({ org, name, metric, onMetric }: Props) {
  const { t } = useTranslation();
  const params = { path: { org, name } };
  const pollMs = usePollMs();
  const watch = useQuery({ ...api.queryOptions("get", WATCH, { params }), refetchInterval: pollMs });
  const listed = useQuery({ ...api.queryOptions("get", METRICS, { params }), refetchInterval: pollMs });
  const change = api.useMutation("put", WATCH, {
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["get", WATCH] }),
    onError: (error) => toast(saidBy(error), { tone: "bad" }),
  });
  const watched = watch.data?.watched_version;
  useEffect(() => {
    // another version was judged while the page stood open
    if (watched) void anomaliesAnew({ org, name });
  }, [watched, org, name]);
  const failed = (!watch.data && watch.error) || (!listed.data && listed.error);
  if (failed) {
    return <Failed error={failed} retry={() => void Promise.all([watch.refetch(), listed.refetch()])} />;
  }
  if (!watch.data || !listed.data) return <Skeleton className="h-[38rem] rounded-lg" />;
  const set = (enabled: boolean) => change.mutate({ params, body: { ...asChange(watch.data), enabled } });
  const metrics = listed.data.items;
  if (!metrics.length)
    return (
      <NoMetrics watch={watch.data} busy={change.isPending} started={change.isSuccess} onStart={() => set(true)} />
    );
  const shown =
    metrics.find((one) => one.metric === metric)?.metric ?? (metrics.find((one) => one.is_odd) ?? metrics[0])?.metric;
  return (
    <div className="space-y-4">
      <Standing watch={watch.data} />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[3fr_2fr]">
        <div className="min-w-0 space-y-4">
          {shown ? <MetricSeries key={shown} org={org} name={name} metric={shown} /> : null}
          <OddVersions org={org} name={name} onMetric={onMetric} />
        </div>
        <div className="min-w-0 space-y-4">
          <MetricList metrics={metrics} shown={shown} onMetric={onMetric} />
          <div className="flex flex-wrap gap-2">
            <Link to="/incidents" search={{ dataset: `${org}/${name}` }} className={buttonClass()}>
              {t("anomaly.incidents")}
            </Link>
            <Button kind="ghost" busy={change.isPending} onClick={() => set(!watch.data.enabled)}>
              {t(watch.data.enabled ? "anomaly.stop" : "anomaly.start")}
            </Button>
          </div>
        </div>
      </div>
    </div>
  );
}

const asChange = ({ alarm_share, detectors }: Watch) => ({
  alarm_share,
  detectors: detectors as Api["WatchChange"]["detectors"],
});

function NoMetrics(props: { watch: Watch; busy: boolean; started: boolean; onStart: () => void }) {
  const { watch, busy, started: begun, onStart } = props;
  const { t } = useTranslation();
  return (
    <Card flush>
      <Empty
        icon={Activity}
        title={t(begun ? "anomaly.soon" : "anomaly.none")}
        action={
          begun ? null : (
            <Button kind="primary" busy={busy} onClick={onStart}>
              {t("anomaly.start")}
            </Button>
          )
        }
      >
        {begun
          ? t("anomaly.soonText")
          : t("anomaly.noneText", { versions: WATCHED_FROM_VERSIONS, needed: watch.learning_points })}
      </Empty>
    </Card>
  );
}

function Standing({ watch }: { watch: Watch }) {
  const { t } = useTranslation();
  if (!watch.enabled) return <Note>{t("anomaly.off")}</Note>;
  if (watch.points >= watch.learning_points) return null;
  return <Note>{t("anomaly.learning", { points: watch.points, needed: watch.learning_points })}</Note>;
}
