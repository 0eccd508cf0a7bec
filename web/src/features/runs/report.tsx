import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { figure } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Card } from "@/ui/card";
import { Bars } from "@/ui/charts/bars";
import { Confusion } from "@/ui/charts/confusion";
import { Curves } from "@/ui/charts/curves";
import { Histogram } from "@/ui/charts/histogram";
import { Scatter } from "@/ui/charts/scatter";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { metricName } from "./metric-name";

/** What `GET /runs/{id}/report` holds; a plot that its task does not have is null. */
export type RunReport = {
  metrics: Record<string, number>;
  importances: { column: string; importance: number }[];
  notes: string[];
  holdout_rows: number;
  training_rows: number;
  roc: { fpr: number[]; tpr: number[] } | null;
  precision_recall: { recall: number[]; precision: number[] } | null;
  calibration: { predicted: number[]; observed: number[]; rows: number[] } | null;
  confusion: { labels: string[]; counts: number[][] } | null;
  predicted_vs_true: { true: number[]; predicted: number[] } | null;
  residuals: { edges: number[]; counts: number[] } | null;
  sample_rows: { row: Record<string, unknown>; truth: unknown }[];
};

export const reportQuery = (runId: string) => ({
  queryKey: ["run-report", runId],
  // a finished run's report never changes
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: () => send<RunReport>("GET", `runs/${runId}/report`),
});

const IMPORTANCES_SHOWN = 15;

/** Scores, curves and what mattered, on rows that no training saw. */
export default function Report({ runId }: { runId: string }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const query = useQuery(reportQuery(runId));
  const report = query.data;
  if (query.error && !report) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!report) return <Skeleton className="mt-4 h-96 rounded-lg" />;
  const ranked = [...report.importances]
    .sort((one, other) => other.importance - one.importance)
    .slice(0, IMPORTANCES_SHOWN);
  return (
    <div className="mt-4 space-y-4">
      {report.notes.map((note) => (
        <Note key={note}>{inWords(note)}</Note>
      ))}
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        {report.roc ? (
          <Card title={t("model.roc")}>
            <Curves
              label={t("model.roc")}
              filled
              diagonal
              xLabel={t("model.fpr")}
              yLabel={t("model.tpr")}
              curves={[
                {
                  name: t("model.heldOutRows"),
                  value: `AUC ${figure(report.metrics.roc_auc ?? 0)}`,
                  x: report.roc.fpr,
                  y: report.roc.tpr,
                },
              ]}
            />
          </Card>
        ) : null}
        {report.precision_recall ? (
          <Card title={t("model.precisionRecall")}>
            <Curves
              label={t("model.precisionRecall")}
              filled
              xLabel={t("model.recall")}
              yLabel={t("model.precision")}
              curves={[
                {
                  name: t("model.heldOutRows"),
                  value: `AP ${figure(report.metrics.average_precision ?? 0)}`,
                  x: report.precision_recall.recall,
                  y: report.precision_recall.precision,
                },
              ]}
            />
          </Card>
        ) : null}
        {report.predicted_vs_true ? (
          <Card title={t("model.predictedTrue")}>
            <Scatter
              label={t("model.predictedTrue")}
              description={t("model.predictedTrueText", { r2: figure(report.metrics.r2 ?? 0) })}
              xLabel={t("model.truth")}
              yLabel={t("model.predicted")}
              points={report.predicted_vs_true.true.map((one, index) => [
                one,
                report.predicted_vs_true?.predicted[index] ?? 0,
              ])}
            />
          </Card>
        ) : null}
        {report.residuals ? (
          <Card title={t("model.residuals")}>
            <Histogram
              name={t("model.residuals")}
              edges={report.residuals.edges}
              counts={report.residuals.counts}
              height={300}
            />
          </Card>
        ) : null}
        {report.confusion ? (
          <Card title={t("model.confusion")}>
            <Confusion labels={report.confusion.labels} counts={report.confusion.counts} />
          </Card>
        ) : null}
        {report.calibration ? (
          <Card title={t("model.calibration")}>
            <Curves
              label={t("model.calibration")}
              diagonal
              height={240}
              xLabel={t("model.predicted")}
              yLabel={t("model.observed")}
              curves={[
                { name: t("model.heldOutRows"), x: report.calibration.predicted, y: report.calibration.observed },
              ]}
            />
          </Card>
        ) : null}
        {ranked.length ? (
          <Card title={t("model.importances")}>
            <Bars
              label={t("model.importances")}
              bars={ranked.map((one) => ({ name: one.column, value: one.importance, text: figure(one.importance) }))}
            />
          </Card>
        ) : null}
        <Card title={t("model.metrics")}>
          <dl className="grid grid-cols-2 gap-x-4 gap-y-2 text-sm sm:grid-cols-3">
            {Object.entries(report.metrics).map(([name, value]) => (
              <div key={name}>
                <dt className="text-fg-3">{metricName(name)}</dt>
                <dd className="num text-base font-medium">{figure(value)}</dd>
              </div>
            ))}
          </dl>
        </Card>
      </div>
    </div>
  );
}
