import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { isOver } from "@/features/state-badge";
import { clock, moment } from "@/i18n/format";
import { Code } from "@/ui/code";
import { Dialog } from "@/ui/dialog";
import { Failed } from "@/ui/failed";
import { Skeleton } from "@/ui/skeleton";

const LINES_MAX = 200;
const POLL_MS = 3000;

/** What a job is and what its handler said. */
export function JobWindow({ job, onClose }: { job: Api["HubJob"]; onClose: () => void }) {
  const { t } = useTranslation();
  const params = { params: { path: { job_id: job.id }, query: { limit: LINES_MAX } } };
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/hub/jobs/{job_id}/log", params),
    refetchInterval: isOver(job.state) ? false : POLL_MS,
  });
  const lines = query.data?.items.map((line) => {
    const facts = Object.entries(line.facts).map(([name, value]) => ` ${name}=${String(value)}`);
    return `${clock(line.at)} ${line.level.padEnd(7)} ${line.message}${facts.join("")}`;
  });
  const facts: [string, string][] = [
    [t("admin.job.id"), job.id],
    [t("admin.job.class"), `${job.job_class} · ${job.lane}`],
    [t("admin.job.put"), moment(job.created_at)],
    [t("admin.job.began"), job.started_at ? moment(job.started_at) : "–"],
    [t("admin.job.ended"), job.finished_at ? moment(job.finished_at) : "–"],
    [t("admin.job.attempts"), t("job.attempt", { attempt: job.attempt, of: job.attempts_max })],
  ];
  return (
    <Dialog open wide onClose={onClose} title={job.kind}>
      <dl className="mb-4 grid grid-cols-[max-content_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-fg-2">{name}</dt>
            <dd className="num break-words">{value}</dd>
          </div>
        ))}
      </dl>
      {job.error ? (
        <div className="mb-4">
          <p className="mb-1 text-sm font-medium">{t("admin.job.error")}</p>
          <Code label={t("admin.job.error")}>{JSON.stringify(job.error, null, 2)}</Code>
        </div>
      ) : null}
      <p className="mb-1 text-sm font-medium">{t("admin.log")}</p>
      {query.error && !lines ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : lines ? (
        lines.length ? (
          <Code label={t("admin.log")}>{lines.join("\n")}</Code>
        ) : (
          <p className="text-fg-3">{t("admin.noLog")}</p>
        )
      ) : (
        <Skeleton className="h-24 w-full" />
      )}
    </Dialog>
  );
}
