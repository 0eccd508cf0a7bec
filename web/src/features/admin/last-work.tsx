import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { StateBadge } from "@/features/state-badge";
import { ago } from "@/i18n/format";
import { Card } from "@/ui/card";
import { StatusList, useStatus } from "./status-list";

const SWEEPS = [
  { kind: "files.sweep_uploads", name: "sweep" },
  { kind: "files.recount_storage", name: "recount" },
  { kind: "files.look_for_damage", name: "look" },
] as const;

/** What looks after the stored files, and when it last did; the newest backup. */
export function LastWork() {
  const { t } = useTranslation();
  const backup = useStatus().data?.items.filter((item) => item.name === "backup" || item.name === "disk");
  return (
    <Card flush title={t("admin.storage.last")}>
      <ul className="divide-y divide-line border-b border-line">
        {SWEEPS.map(({ kind, name }) => (
          <Last key={kind} kind={kind} words={t(`admin.storage.${name}`)} />
        ))}
      </ul>
      <div className="min-h-28">{backup ? <StatusList items={backup} /> : null}</div>
    </Card>
  );
}

function Last({ kind, words }: { kind: string; words: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(
    api.queryOptions("get", "/api/v1/hub/jobs", { params: { query: { kind, limit: 1, state: [] } } }),
  );
  const job = data?.items[0];
  return (
    <li className="flex min-h-14 items-center gap-3 px-4 py-2.5">
      <span className="min-w-0 flex-1">
        <span className="block font-medium">{words}</span>
        <span className="block truncate text-sm text-fg-3">
          {job ? ago(job.finished_at ?? job.created_at) : data ? t("admin.storage.never") : "…"}
        </span>
      </span>
      {job ? (
        <Link to="/admin/queue" search={{ kind }}>
          <span className="sr-only">{t("admin.jobsOf", { kind })}</span>
          <StateBadge state={job.state} />
        </Link>
      ) : null}
    </li>
  );
}
