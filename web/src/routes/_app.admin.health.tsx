import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Cpu } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { hubPath } from "@/api/root";
import { SEEN_SECONDS_MAX, useQueue } from "@/features/admin/queue-figures";
import { StatusList, useStatus } from "@/features/admin/status-list";
import { ago, count } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { Stat } from "@/ui/stat";

export const Route = createFileRoute("/_app/admin/health")({ component: Health });

const POLL_MS = 10_000;
const READY = ["ready", "degraded", "down"] as const;
type Ready = (typeof READY)[number];

/** What a monitor is told, too. */
async function readiness(): Promise<{ status: Ready; replica?: string }> {
  const response = await fetch(hubPath("health/ready"));
  const said = (await response.json().catch(() => ({}))) as { status?: unknown; replica?: string };
  const status = READY.find((one) => one === said.status) ?? "down";
  return { ...said, status: response.ok ? status : "down" };
}

function Health() {
  const { t } = useTranslation();
  const ready = useQuery({ queryKey: ["health"], queryFn: readiness, refetchInterval: POLL_MS });
  const status = useStatus();
  const queue = useQueue();
  const blank = <Skeleton className="my-1 h-5 w-16" />;
  const state = ready.data?.status;
  return (
    <>
      <PageHead title={t("admin.page.health")} facts={t("admin.healthText")} />
      <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat
          label={t("admin.health.readiness")}
          value={state ? t(`admin.health.${state}`) : blank}
          note={state ? t(`admin.health.${state}Text`) : "…"}
        />
        <Stat
          label={t("admin.health.replica")}
          value={ready.data ? (ready.data.replica ?? t("admin.health.noReplica")) : blank}
          note={t("admin.health.replicaText")}
        />
        <Stat label="Lyceum" value={status.data?.release ?? blank} note={t("admin.health.release")} />
        <Stat label="PostgreSQL" value={status.data?.database ?? blank} note={t("admin.health.release")} />
      </dl>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card flush title={t("admin.health.workers")}>
          {queue.data ? (
            queue.data.workers?.length ? (
              <ul className="divide-y divide-line">
                {queue.data.workers.map((worker) => (
                  <Worker key={worker.id} worker={worker} release={status.data?.release} />
                ))}
              </ul>
            ) : (
              <Empty icon={Cpu} title={t(queue.data.workers ? "admin.health.noWorker" : "admin.health.workersUnknown")}>
                {t(queue.data.workers ? "admin.health.noWorkerText" : "admin.health.workersUnknownText")}
              </Empty>
            )
          ) : queue.error ? (
            <Failed error={queue.error} retry={() => void queue.refetch()} />
          ) : (
            <SkeletonRows rows={1} className="h-16" />
          )}
        </Card>
        <Card flush title={t("admin.health.setUp")}>
          {status.data ? (
            <StatusList items={status.data.items} />
          ) : status.error ? (
            <Failed error={status.error} retry={() => void status.refetch()} />
          ) : (
            <SkeletonRows rows={5} />
          )}
        </Card>
      </div>
    </>
  );
}

function Worker({ worker, release }: { worker: Api["HubWorker"]; release: string | undefined }) {
  const { t } = useTranslation();
  const silent = Date.now() - Date.parse(worker.seen_at) > SEEN_SECONDS_MAX * 1000;
  const running = Object.values(worker.running).reduce((all, jobs) => all + jobs, 0);
  const facts = [
    t("admin.health.seen", { when: ago(worker.seen_at) }),
    t("admin.health.began", { when: ago(worker.began_at) }),
    worker.release,
  ];
  return (
    <li className="flex min-h-16 items-center gap-3 px-4 py-2.5">
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">
          {t("admin.health.worker", { machine: worker.machine, process: worker.process })}
        </span>
        <span className="block truncate text-sm text-fg-3">{facts.join(" · ")}</span>
      </span>
      {release && release !== worker.release ? <Badge tone="warn">{t("admin.health.otherRelease")}</Badge> : null}
      {silent ? (
        <Badge tone="bad">{t("admin.health.silent")}</Badge>
      ) : (
        <Badge tone={running ? "accent" : "ok"}>
          {running ? t("admin.health.runs", { amount: count(running) }) : t("admin.health.idle")}
        </Badge>
      )}
    </li>
  );
}
