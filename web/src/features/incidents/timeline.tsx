import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, moment } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { INCIDENTS_KEY } from "./acting";

const KINDS = [
  "opened",
  "seen",
  "acknowledged",
  "assigned",
  "commented",
  "snoozed",
  "woken",
  "resolved",
  "recovered",
  "reopened",
  "alerted",
  "answered",
  "escalated",
  "acknowledge_overdue",
  "resolve_overdue",
] as const;

/** Why something is over that nobody resolved. */
const ENDS = ["check_dropped", "watch_ended"] as const;

/** What people say of metrics that were odd. */
const ANSWERS = ["expected", "not_expected", "new_level"] as const;

/** What was seen and what people did, newest first. */
export function Timeline({ id }: { id: string }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const { query, items } = useCursor<Api["IncidentEvent"]>([...INCIDENTS_KEY, id, "events"], (asked, signal) =>
    client.GET("/api/v1/incidents/{incident_id}/events", {
      params: { path: { incident_id: id }, query: asked },
      signal,
    }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows className="h-14" rows={3} />;
  return (
    <>
      <ol className="divide-y divide-line">
        {items.map((event) => {
          const kind = KINDS.find((one) => one === event.kind) ?? "other";
          const answer = ANSWERS.find((one) => one === event.data.answer);
          const end = ENDS.find((one) => one === event.data.why);
          const said =
            event.comment ||
            (end && t(`incident.end.${end}`)) ||
            (answer
              ? t(`incident.answer.${answer}`, { number: event.data.version_number })
              : inWords(String(event.data.summary ?? "")));
          return (
            <li key={event.id} className="px-4 py-3">
              <p className="flex flex-wrap items-baseline gap-x-2">
                <span className="font-medium">
                  {t(event.assigned_to ? "incident.event.given" : `incident.event.${kind}`, {
                    rule: String(event.data.rule ?? ""),
                    name: event.assigned_to?.name ?? t("incident.former"),
                  })}
                </span>
                {event.by ? <span className="text-sm text-fg-2">{event.by.name ?? t("incident.former")}</span> : null}
                <time dateTime={event.created_at} title={moment(event.created_at)} className="text-xs text-fg-3">
                  {ago(event.created_at)}
                </time>
              </p>
              {said ? <p className="text-sm break-words whitespace-pre-wrap text-fg-2">{said}</p> : null}
            </li>
          );
        })}
      </ol>
      <More query={query} />
    </>
  );
}
