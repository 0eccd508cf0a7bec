import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { isOver, StateBadge } from "@/features/state-badge";
import { ago, duration } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";

type Props = {
  job: Api["HubJob"];
  organisation: string | null;
  busy: boolean;
  onCancel: () => void;
  onRetry: () => void;
  onShow: () => void;
};

/** A job of whichever organisation, with what can be done about it. */
export function HubJobRow({ job, organisation, busy, onCancel, onRetry, onShow }: Props) {
  const { t } = useTranslation();
  const inWords = useHubWords();
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
        <span className="flex items-center gap-2">
          <span className="mono min-w-0 truncate font-medium">{job.kind}</span>
          <Badge>{organisation ?? t("admin.hubItself")}</Badge>
        </span>
        <span className="block truncate text-sm text-fg-3">{facts.filter(Boolean).join(" · ")}</span>
        {job.error ? (
          <span className="block text-sm break-words text-bad">
            {inWords(String(job.error.detail ?? job.error.title ?? ""))}
          </span>
        ) : null}
      </span>
      <span className="flex items-center gap-2 max-sm:w-full max-sm:justify-end">
        <StateBadge state={job.state} />
        <Button kind="ghost" aria-label={t("admin.logOf", { kind: job.kind })} onClick={onShow}>
          {t("admin.log")}
        </Button>
        {isOver(job.state) ? null : (
          <Button busy={busy || job.cancel_requested} onClick={onCancel}>
            {t("action.cancelJob")}
          </Button>
        )}
        {job.state === "dead" || job.state === "cancelled" ? (
          <Button busy={busy} onClick={onRetry}>
            {t("action.retry")}
          </Button>
        ) : null}
      </span>
    </li>
  );
}
