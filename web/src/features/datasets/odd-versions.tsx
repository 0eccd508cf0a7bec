import { Link } from "@tanstack/react-router";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useCursor } from "@/features/cursor";
import { INCIDENTS_KEY } from "@/features/incidents/acting";
import { More } from "@/features/more";
import { figure, moment } from "@/i18n/format";
import { BareButton, Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { metricWords } from "./metric-words";

type Path = { org: string; name: string };
type Anomaly = Api["Anomaly"];
const ANSWERS = ["expected", "not_expected", "new_level"] as const;
const METRICS = "/api/v1/datasets/{org}/{name}/anomalies/metrics";
const FINDINGS_SHOWN = 4;

/** Has everything read again that says what was odd of a dataset. */
export const anomaliesAnew = ({ org, name }: Path) =>
  Promise.all([
    queryClient.invalidateQueries({ queryKey: ["anomalies", org, name] }),
    queryClient.invalidateQueries({ queryKey: ["get", METRICS] }),
    queryClient.invalidateQueries({ queryKey: ["get", `${METRICS}/{metric}`] }),
  ]);

/** The versions that were odd, newest first, each with what stood out and whether that was expected. */
export function OddVersions({ org, name, onMetric }: Path & { onMetric: (metric: string) => void }) {
  const { t } = useTranslation();
  const { query, items } = useCursor<Anomaly>(["anomalies", org, name], (asked, signal) =>
    client.GET("/api/v1/datasets/{org}/{name}/anomalies", { params: { path: { org, name }, query: asked }, signal }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <Card flush title={t("anomaly.oddVersions")}>
      {items?.length ? (
        <ul aria-label={t("anomaly.oddVersions")} className="divide-y divide-line">
          {items.map((one) => (
            <OddVersion key={one.id} org={org} name={name} odd={one} onMetric={onMetric} />
          ))}
        </ul>
      ) : items ? (
        <p className="p-4 text-fg-2">{t("anomaly.noOdd")}</p>
      ) : (
        <SkeletonRows />
      )}
      <More query={query} />
    </Card>
  );
}

type RowProps = Path & { odd: Anomaly; onMetric: (metric: string) => void };

function OddVersion({ org, name, odd, onMetric }: RowProps) {
  const { t } = useTranslation();
  const answer = api.useMutation("put", "/api/v1/datasets/{org}/{name}/anomalies/{anomaly_id}/answer", {
    onSuccess: async () => {
      toast(t("anomaly.answered"));
      await Promise.all([anomaliesAnew({ org, name }), queryClient.invalidateQueries({ queryKey: INCIDENTS_KEY })]);
    },
    onError: (error) => toast(saidBy(error), { tone: "bad" }),
  });
  return (
    <li className="space-y-2 px-4 py-3">
      <p className="flex flex-wrap items-center justify-between gap-x-3">
        <Link
          to="/datasets/$org/$name"
          params={{ org, name }}
          search={{ version: odd.version_number }}
          className="font-medium text-accent-text hover:underline"
        >
          {t("dataset.version", { number: odd.version_number })}
        </Link>
        <time dateTime={odd.at} className="text-sm text-fg-3">
          {moment(odd.at)}
        </time>
      </p>
      <ul className="text-sm text-fg-2">
        {odd.findings.slice(0, FINDINGS_SHOWN).map((one) => (
          <li key={one.metric}>
            <BareButton className="break-words hover:underline" onClick={() => onMetric(one.metric)}>
              {saidOf(one, t)}
            </BareButton>
          </li>
        ))}
      </ul>
      <fieldset className="flex flex-wrap gap-2">
        <legend className="sr-only">{t("anomaly.answerOf", { number: odd.version_number })}</legend>
        {ANSWERS.map((one) => (
          <Button
            key={one}
            kind={odd.answer === one ? "primary" : "plain"}
            aria-pressed={odd.answer === one}
            disabled={answer.isPending}
            onClick={() =>
              answer.mutate({ params: { path: { org, name, anomaly_id: odd.id } }, body: { answer: one } })
            }
          >
            {t(`anomaly.answer.${one}`)}
          </Button>
        ))}
      </fieldset>
    </li>
  );
}

function saidOf(finding: Api["AnomalyFinding"], t: TFunction): string {
  const metric = metricWords(finding.metric, t);
  const value = figure(finding.value);
  if (finding.low === null || finding.high === null) return t("anomaly.outsideOnly", { metric, value });
  return t("anomaly.outside", { metric, value, low: figure(finding.low), high: figure(finding.high) });
}
