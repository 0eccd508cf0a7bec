import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { ago, duration, figure } from "@/i18n/format";
import { StateBadge } from "../state-badge";
import { metricName } from "./metric-name";

export function RunRow({ run }: { run: Api["Run"] }) {
  const { t } = useTranslation();
  return (
    <li>
      <Link
        to="/runs/$id"
        params={{ id: run.id }}
        className="flex min-h-15 items-center gap-3 px-4 py-2.5 hover:bg-hover"
      >
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium">{run.target}</span>
          <span className="block truncate text-sm text-fg-3">
            {`${run.dataset}@${run.dataset_version} · ${ago(run.created_at)}${run.fit_seconds ? ` · ${duration(run.fit_seconds)}` : ""}`}
          </span>
        </span>
        <span className="flex flex-col items-end gap-0.5">
          <StateBadge state={run.state} />
          {run.score === null ? null : (
            <span className="num text-xs text-fg-2">
              {t("run.scored", { metric: metricName(run.metric ?? ""), score: figure(run.score) })}
            </span>
          )}
        </span>
      </Link>
    </li>
  );
}
