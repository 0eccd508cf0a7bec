import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useHubPages } from "@/features/admin/hub-pages";
import { More } from "@/features/more";
import { ago, duration, moment } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

export const Route = createFileRoute("/_app/admin/schedules")({ component: Schedules });

const POLL_MS = 30_000;

function Schedules() {
  const { t } = useTranslation();
  const { query, items } = useHubPages("/api/v1/admin/schedules", {}, POLL_MS);
  const sorted = items && [...items].sort((one, other) => Date.parse(one.next_at) - Date.parse(other.next_at));
  return (
    <>
      <PageHead title={t("admin.page.schedules")} facts={t("admin.schedulesText")} />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {sorted ? (
          <ul className="divide-y divide-line">
            {sorted.map((one) => (
              <Row key={`${one.organisation ?? ""} ${one.name} ${one.kind}`} schedule={one} />
            ))}
          </ul>
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
    </>
  );
}

function Row({ schedule }: { schedule: Api["HubSchedule"] }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const every =
    schedule.every_seconds === null
      ? `${schedule.cron ?? ""} ${schedule.zone ?? ""}`
      : t("admin.every", { time: lasting(schedule.every_seconds) });
  const run = async () => {
    setBusy(true);
    try {
      await client.POST("/api/v1/admin/schedules/{kind}/run", { params: { path: { kind: schedule.kind } } });
      toast(t("admin.isQueued", { kind: schedule.kind }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
      <span className="min-w-0 flex-1 basis-60">
        <span className="flex items-center gap-2">
          <span className="mono min-w-0 truncate font-medium">{schedule.name}</span>
          <Badge>{schedule.organisation ?? t("admin.hubItself")}</Badge>
        </span>
        <span className="block truncate text-sm text-fg-3">
          {[every, t("admin.next", { when: ago(schedule.next_at), at: moment(schedule.next_at) })].join(" · ")}
        </span>
      </span>
      <span className="flex items-center gap-2 max-sm:w-full max-sm:justify-end">
        <Link to="/admin/queue" search={{ kind: schedule.kind }} className={buttonClass({ kind: "ghost" })}>
          {t("admin.itsJobs")}
        </Link>
        {schedule.organisation === null ? (
          <Button busy={busy} aria-label={t("admin.runNowOf", { kind: schedule.kind })} onClick={() => void run()}>
            {t("admin.runNow")}
          </Button>
        ) : null}
      </span>
    </li>
  );
}

const DAY_SECONDS = 86_400;

/** Days as days: nobody reads 168 hours. */
const lasting = (seconds: number) =>
  seconds % DAY_SECONDS === 0 && seconds > DAY_SECONDS
    ? new Intl.NumberFormat(document.documentElement.lang || "en", {
        style: "unit",
        unit: "day",
        unitDisplay: "long",
      }).format(seconds / DAY_SECONDS)
    : duration(seconds).replace(/ 0 \S+$/, "");
