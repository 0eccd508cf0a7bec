import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, lazy, Suspense, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ago } from "@/i18n/format";
import { acknowledge, done, type Incident, putOff, wake } from "./acting";
import { IncidentState, SeverityIcon } from "./looks";
import { nextRow, stepOf } from "./triage";

const ResolveDialog = lazy(() => import("./resolve-dialog"));

/** Incidents one below the other; whoever has the focus in the list goes through it and acts by single keys. */
export function IncidentList({ items }: { items: Incident[] }) {
  const { t } = useTranslation();
  const list = useRef<HTMLUListElement>(null);
  const [resolving, setResolving] = useState<Incident | null>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = stepOf(event);
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("a[data-incident]") ?? [])];
    const row = rows.indexOf(document.activeElement as HTMLElement);
    const incident = items[row];
    if (!step || row < 0 || !incident) return;
    event.preventDefault();
    if (step === "down" || step === "up") {
      rows[nextRow(row, step, rows.length)]?.focus();
      return;
    }
    const { id, title, state } = incident;
    if (state === "resolved") return;
    if (step === "acknowledge") void done(() => acknowledge(id), t("incident.acknowledged", { title }));
    else if (step === "resolve") setResolving(incident);
    else
      void done(
        () => putOff(id),
        t("incident.putOff", { title }),
        () => wake(id),
      );
  };
  return (
    <>
      {/* the keys act on the link that has the focus */}
      <ul ref={list} onKeyDown={onKeyDown} className="divide-y divide-line">
        {items.map((incident) => (
          <IncidentRow key={incident.id} incident={incident} />
        ))}
      </ul>
      {resolving ? (
        <Suspense fallback={null}>
          <ResolveDialog incident={resolving} onClose={() => setResolving(null)} />
        </Suspense>
      ) : null}
    </>
  );
}

function IncidentRow({ incident }: { incident: Incident }) {
  const { t } = useTranslation();
  return (
    <li>
      <Link
        to="/incidents/$id"
        params={{ id: incident.id }}
        data-incident
        className="flex min-h-16 items-start gap-3 px-4 py-3 hover:bg-hover focus-visible:-outline-offset-2"
      >
        <SeverityIcon severity={incident.severity} className="mt-0.5" />
        <span className="min-w-0 flex-1">
          <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span className="min-w-0 font-medium break-words">{incident.title}</span>
            <IncidentState incident={incident} />
          </span>
          <span className="block text-sm break-words text-fg-2">{incident.summary}</span>
          <span className="block text-xs break-words text-fg-3">
            {[
              incident.dataset,
              incident.version ? t("incident.version", { number: incident.version }) : "",
              t("incident.occurrences", { count: incident.occurrences }),
              ago(incident.last_seen_at),
              incident.assignee ? (incident.assignee.name ?? t("incident.former")) : "",
            ]
              .filter(Boolean)
              .join(" · ")}
          </span>
        </span>
      </Link>
    </li>
  );
}
