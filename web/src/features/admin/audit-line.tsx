import { ChevronRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { moment } from "@/i18n/format";
import { Badge, type Tone } from "@/ui/badge";
import { Button } from "@/ui/button";

type Entry = Api["AuditEntry"];
type Props = { entry: Entry; organisation: string | null; onActor: () => void; onObject: () => void };
const TONES: Record<string, Tone> = { done: "ok", read: "neutral", refused: "warn" };

/** A line of the log; opened, it shows all that is kept. */
export function AuditLine({ entry, organisation, onActor, onObject }: Props) {
  const { t } = useTranslation();
  const who = entry.actor ?? (entry.actor_id ? entry.actor_id.slice(0, 8) : t("admin.audit.nobody"));
  const what = entry.object_address ?? entry.object_id ?? "";
  const rows: [string, string | null][] = [
    [t("admin.audit.actor"), entry.actor_id],
    [t("admin.audit.impersonator"), entry.impersonator_id],
    [t("admin.audit.organisation"), organisation],
    [t("admin.audit.object"), [entry.object_kind, entry.object_id].filter(Boolean).join(" ")],
    [t("admin.audit.reason"), entry.reason],
    [t("admin.audit.times"), entry.times > 1 ? String(entry.times) : null],
    [t("admin.audit.before"), entry.before_digest],
    [t("admin.audit.after"), entry.after_digest],
    [t("admin.audit.session"), entry.session_id],
    [t("admin.audit.key"), entry.key_id],
    [t("admin.audit.request"), entry.request_id],
    [t("admin.audit.address"), entry.address],
  ];
  return (
    <li>
      <details className="group">
        <summary className="flex min-h-13 cursor-pointer list-none items-center gap-3 px-4 py-2 hover:bg-hover focus-visible:-outline-offset-2">
          <ChevronRight size={14} aria-hidden className="shrink-0 text-fg-3 group-open:rotate-90" />
          <span className="min-w-0 flex-1">
            <span className="flex flex-wrap items-center gap-x-2">
              <span className="mono font-medium break-all">{entry.action}</span>
              <span className="min-w-0 truncate text-sm text-fg-2">{what}</span>
            </span>
            <span className="block truncate text-sm text-fg-3">
              {[who, organisation, moment(entry.at)].filter(Boolean).join(" · ")}
            </span>
          </span>
          {entry.impersonator_id ? <Badge tone="warn">{t("admin.audit.acted")}</Badge> : null}
          <Badge tone={TONES[entry.outcome] ?? "neutral"}>{t(`admin.audit.outcome.${entry.outcome as "done"}`)}</Badge>
        </summary>
        <div className="px-4 pb-3 pl-10">
          <dl className="grid gap-x-4 gap-y-1 text-sm sm:grid-cols-[max-content_minmax(0,1fr)]">
            {rows.map(([name, value]) =>
              value ? (
                <div key={name} className="sm:contents">
                  <dt className="text-fg-2">{name}</dt>
                  <dd className="mono break-all">{value}</dd>
                </div>
              ) : null,
            )}
          </dl>
          <div className="mt-3 flex flex-wrap gap-2">
            {entry.actor_id ? <Button onClick={onActor}>{t("admin.audit.onlyActor")}</Button> : null}
            {what ? <Button onClick={onObject}>{t("admin.audit.onlyObject")}</Button> : null}
          </div>
        </div>
      </details>
    </li>
  );
}
