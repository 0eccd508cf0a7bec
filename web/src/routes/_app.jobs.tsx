import { createFileRoute } from "@tanstack/react-router";
import { ListChecks } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { useJobsNews } from "@/features/live-job";
import { More } from "@/features/more";
import { usePages } from "@/features/pages";
import { isOver, StateBadge } from "@/features/state-badge";
import { ago, duration } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Progress } from "@/ui/progress";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

export const Route = createFileRoute("/_app/jobs")({ component: Jobs });

function Jobs() {
  const { t } = useTranslation();
  useJobsNews("/api/v1/jobs");
  const { query, items } = usePages("/api/v1/jobs");
  const anew = () => void query.refetch();
  return (
    <>
      <PageHead title={t("nav.jobs")} facts={t("job.listText")} />
      {query.error && !items ? <Failed error={query.error} retry={anew} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((job) => (
                <JobRow key={job.id} job={job} onChange={anew} />
              ))}
            </ul>
          ) : (
            <Empty icon={ListChecks} title={t("job.none")}>
              {t("job.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
    </>
  );
}

function JobRow({ job, onChange }: { job: Api["JobOut"]; onChange: () => void }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const options = {
    onSuccess: onChange,
    onError: (error: unknown) => toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" }),
  };
  const cancel = api.useMutation("post", "/api/v1/jobs/{job_id}/cancel", options);
  const retry = api.useMutation("post", "/api/v1/jobs/{job_id}/retry", options);
  const params = { params: { path: { job_id: job.id } } };
  const took =
    job.started_at && job.finished_at ? (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000 : null;
  const facts = [
    ago(job.created_at),
    took === null ? "" : duration(took),
    job.attempt > 1 ? t("job.attempt", { attempt: job.attempt, of: job.attempts_max }) : "",
  ];
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
      <span className="min-w-0 flex-1 basis-60">
        <span className="mono block truncate font-medium">{job.kind}</span>
        <span className="block truncate text-sm text-fg-3">{facts.filter(Boolean).join(" · ")}</span>
        {job.error ? (
          <span className="block text-sm break-words text-bad">
            {inWords(String(job.error.detail ?? job.error.title ?? ""))}
          </span>
        ) : null}
        {job.progress && !isOver(job.state) ? (
          <span className="mt-1.5 block max-w-80">
            <span className="mb-1 block truncate text-xs text-fg-2">{inWords(job.progress.note)}</span>
            <Progress label={job.kind} fraction={job.progress.fraction} />
          </span>
        ) : null}
      </span>
      <span className="flex items-center gap-2 max-sm:w-full max-sm:justify-end">
        <StateBadge state={job.state} />
        {isOver(job.state) ? null : (
          <Button busy={cancel.isPending || job.cancel_requested} onClick={() => cancel.mutate(params)}>
            {t("action.cancelJob")}
          </Button>
        )}
        {job.state === "dead" ? (
          <Button busy={retry.isPending} onClick={() => retry.mutate(params)}>
            {t("action.retry")}
          </Button>
        ) : null}
      </span>
    </li>
  );
}
