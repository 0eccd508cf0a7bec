import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { CircleStop, Rocket } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useLiveJob, usePollMs } from "@/features/live-job";
import { runNotebook } from "@/features/notebook";
import { NotebookButton } from "@/features/notebook-button";
import { Leaderboard } from "@/features/runs/leaderboard";
import { metricName } from "@/features/runs/metric-name";
import { RegisterRun } from "@/features/runs/register-run";
import { NotSeen } from "@/features/sharing/no-access";
import { ShareButton } from "@/features/sharing/share-button";
import { isOver, StateBadge } from "@/features/state-badge";
import { ago, duration, figure, percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Note } from "@/ui/note";
import { PageHead } from "@/ui/page-head";
import { Progress } from "@/ui/progress";
import { Skeleton } from "@/ui/skeleton";
import { Stat } from "@/ui/stat";
import { toast } from "@/ui/toast";

const Report = lazy(() => import("@/features/runs/report"));

const runOptions = (id: string) =>
  api.queryOptions("get", "/api/v1/runs/{run_id}", { params: { path: { run_id: id } } });

export const Route = createFileRoute("/_app/runs/$id")({
  loader: ({ context, params }) => void context.queryClient.prefetchQuery(runOptions(params.id)),
  component: RunPage,
});

function RunPage() {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const { id } = Route.useParams();
  const queries = useQueryClient();
  const pollMs = usePollMs();
  const [registering, setRegistering] = useState(false);
  const options = runOptions(id);
  const query = useQuery({
    ...options,
    refetchInterval: (of) => (of.state.data && isOver(of.state.data.state) ? false : pollMs),
  });
  const run = query.data;
  const over = run ? isOver(run.state) : false;
  const anew = () => void queries.invalidateQueries({ queryKey: options.queryKey });
  // a member of the leaderboard is written when its part of the progress is told
  const progress = useLiveJob(over ? null : (run?.job_id ?? null), anew) ?? run?.progress ?? null;
  const cancel = api.useMutation("post", "/api/v1/runs/{run_id}/cancel", {
    onSuccess: () => {
      toast(t("run.cancelling"));
      anew();
    },
    onError: (error) => toast(saidBy(error), { tone: "bad" }),
  });
  if (query.error && !run) {
    return <NotSeen kind="run" address={id} error={query.error} retry={() => void query.refetch()} />;
  }
  if (!run) return <Waiting />;
  const title = t("run.title", { target: run.target, dataset: run.dataset });
  return (
    <>
      <PageHead
        title={run.target}
        facts={
          <>
            <StateBadge state={run.state} />
            <Link
              to="/datasets/$org/$name"
              params={{ org: run.dataset.split("/")[0] ?? "", name: run.dataset.split("/")[1] ?? "" }}
              search={{ version: run.dataset_version }}
              className="text-accent-text hover:underline"
            >
              {`${run.dataset}@${run.dataset_version}`}
            </Link>
            <span>{ago(run.created_at)}</span>
          </>
        }
        actions={
          <>
            <ShareButton kind="run" address={id} />
            {over ? <NotebookButton name={`run-${run.target}`} notebook={() => runNotebook(run.id, title)} /> : null}
            {over ? null : (
              <Button
                kind="danger"
                busy={cancel.isPending}
                onClick={() => cancel.mutate({ params: { path: { run_id: id } } })}
              >
                <CircleStop size={15} aria-hidden />
                {t("action.cancelRun")}
              </Button>
            )}
            {run.state === "finished" ? (
              <Button kind="primary" onClick={() => setRegistering(true)}>
                <Rocket size={15} aria-hidden />
                {t("run.register")}
              </Button>
            ) : null}
          </>
        }
      />
      {over ? null : (
        <Card className="mb-4">
          <div className="mb-2 flex items-baseline justify-between gap-3 text-sm">
            <span aria-live="polite" className="min-w-0 truncate">
              {inWords(progress?.note ?? "") || t("run.waitsForTurn")}
            </span>
            <span className="num text-fg-2">{progress ? percent(progress.fraction) : ""}</span>
          </div>
          <Progress label={t("run.progress")} fraction={progress ? progress.fraction : null} />
        </Card>
      )}
      {run.error ? (
        <Note tone="bad" className="mb-4">
          {inWords(String(run.error.detail ?? run.error.title ?? t("failed.unknown")))}
        </Note>
      ) : null}
      {run.leakage_warnings.map((warning) => (
        <Note key={warning.column} tone="warn" className="mb-4">
          {inWords(warning.sentence)}
        </Note>
      ))}
      <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat
          label={run.metric ? metricName(run.metric) : t("run.score")}
          value={run.score === null ? "–" : figure(run.score)}
          note={t("run.heldOut")}
        />
        <Stat
          label={t("run.guessing")}
          value={run.baseline === null ? "–" : figure(run.baseline)}
          note={t("run.guessingText")}
        />
        <Stat label={t("run.task")} value={run.task ? t(`task.${taskName(run.task)}`) : "–"} />
        <Stat
          label={t("run.time")}
          value={run.fit_seconds === null ? "–" : duration(run.fit_seconds)}
          note={t("run.timeLimit", { limit: duration(run.time_limit_seconds) })}
        />
      </dl>
      <Leaderboard run={run} />
      {run.state === "finished" ? (
        <Suspense fallback={<Skeleton className="mt-4 h-96 rounded-lg" />}>
          <Report runId={run.id} />
        </Suspense>
      ) : null}
      {registering ? <RegisterRun run={run} onClose={() => setRegistering(false)} /> : null}
    </>
  );
}

const taskName = (task: string) =>
  task === "binary" || task === "multiclass" || task === "regression" ? task : "other";

function Waiting() {
  return (
    <div aria-busy>
      <Skeleton className="mb-2 h-8 w-48" />
      <Skeleton className="mb-5 h-5 w-72" />
      <Skeleton className="mb-4 h-24 rounded-lg" />
      <Skeleton className="h-72 rounded-lg" />
    </div>
  );
}
