import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { count, duration } from "@/i18n/format";
import { Skeleton } from "@/ui/skeleton";
import { Stat } from "@/ui/stat";

const POLL_MS = 3000;
export const SEEN_SECONDS_MAX = 20;

export function useQueue() {
  return useQuery({ ...api.queryOptions("get", "/api/v1/hub/queue"), refetchInterval: POLL_MS });
}

/** What waits, runs and failed for good, as it is now. */
export function QueueFigures() {
  const { t } = useTranslation();
  const { data } = useQueue();
  const of = (...states: string[]) => data?.open.filter((one) => states.includes(one.state)) ?? [];
  const sum = (...states: string[]) => of(...states).reduce((all, one) => all + one.jobs, 0);
  const oldest = Math.max(0, ...of("ready").map((one) => one.oldest_seconds));
  const working = data?.workers?.filter((one) => Date.now() - Date.parse(one.seen_at) < SEEN_SECONDS_MAX * 1000);
  const blank = <Skeleton className="my-1 h-5 w-10" />;
  const dead = data && (data.dead >= data.dead_max ? `${count(data.dead)}+` : count(data.dead));
  return (
    <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Stat
        label={t("admin.queue.ready")}
        value={data ? count(sum("ready")) : blank}
        note={sum("ready") ? t("admin.queue.oldest", { time: duration(oldest) }) : t("admin.queue.nothingDue")}
      />
      <Stat
        label={t("admin.queue.running")}
        value={data ? count(sum("running")) : blank}
        note={working ? t("admin.queue.workers", { amount: count(working.length) }) : t("admin.queue.workersUnknown")}
      />
      <Stat
        label={t("admin.queue.waiting")}
        value={data ? count(sum("waiting", "scheduled")) : blank}
        note={t("admin.queue.waitingText")}
      />
      <Stat label={t("admin.queue.dead")} value={data ? dead : blank} note={t("admin.queue.deadText")} />
    </dl>
  );
}
