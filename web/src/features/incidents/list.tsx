import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, lazy, Suspense, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ago } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { acknowledgeAll, type Incident, snoozeAll } from "./acting";
import { BulkBar } from "./bulk-bar";
import { IncidentState, SeverityIcon } from "./looks";
import { nextRow, stepOf, toggled } from "./triage";

const ResolveDialog = lazy(() => import("./resolve-dialog"));
const NONE: ReadonlySet<string> = new Set();

/** Incidents one below the other; whoever has the focus in the list goes through it, chooses and acts by single keys. */
export function IncidentList({ items }: { items: Incident[] }) {
  const { t } = useTranslation();
  const list = useRef<HTMLUListElement>(null);
  const [chosen, setChosen] = useState(NONE);
  const [resolving, setResolving] = useState<Incident[]>([]);
  const ids = items.map((one) => one.id);
  const picked = items.filter((one) => chosen.has(one.id));
  const toggle = (id: string) => setChosen(toggled(chosen, id, ids));
  const act = async (step: "acknowledge" | "snooze" | "resolve", on: Incident[]) => {
    const open = on.filter((one) => one.state !== "resolved");
    if (!open.length) return;
    if (step === "resolve") return setResolving(open);
    setChosen(NONE);
    await (step === "acknowledge" ? acknowledgeAll(open, t) : snoozeAll(open, t));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = stepOf(event);
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("li") ?? [])];
    const row = rows.findIndex((one) => one.contains(document.activeElement));
    const incident = items[row];
    if (!step || !incident) return;
    if (step === "clear") return setChosen(NONE);
    event.preventDefault();
    if (step === "down" || step === "up") {
      rows[nextRow(row, step, rows.length)]?.querySelector<HTMLElement>("a")?.focus();
    } else if (step === "select") {
      toggle(incident.id);
    } else {
      void act(step, picked.length ? picked : [incident]);
    }
  };
  return (
    <>
      <BulkBar
        all={items.length}
        chosen={picked.length}
        onAll={(all) => setChosen(all ? new Set(ids) : NONE)}
        onAct={(step) => void act(step, picked)}
      />
      {/* the keys act on the row that has the focus, or on those that are chosen */}
      <ul ref={list} onKeyDown={onKeyDown} className="divide-y divide-line">
        {items.map((incident) => (
          <IncidentRow
            key={incident.id}
            incident={incident}
            chosen={chosen.has(incident.id)}
            onToggle={() => toggle(incident.id)}
          />
        ))}
      </ul>
      {resolving.length ? (
        <Suspense fallback={null}>
          <ResolveDialog
            incidents={resolving}
            onClose={() => {
              setResolving([]);
              setChosen(NONE);
            }}
          />
        </Suspense>
      ) : null}
    </>
  );
}

function IncidentRow(props: { incident: Incident; chosen: boolean; onToggle: () => void }) {
  const { incident, chosen, onToggle } = props;
  const { t } = useTranslation();
  const inWords = useHubWords();
  return (
    <li className={chosen ? "flex bg-accent-soft" : "flex"}>
      <label className="flex shrink-0 cursor-pointer items-start pt-4 pr-1 pl-4 pointer-coarse:pr-3">
        <input
          type="checkbox"
          className="size-4 accent-accent"
          aria-label={t("incident.choose", { title: incident.title })}
          checked={chosen}
          onChange={onToggle}
        />
      </label>
      <Link
        to="/incidents/$id"
        params={{ id: incident.id }}
        data-incident
        className="flex min-h-16 min-w-0 flex-1 items-start gap-3 px-3 py-3 hover:bg-hover focus-visible:-outline-offset-2"
      >
        <SeverityIcon severity={incident.severity} className="mt-0.5" />
        <span className="min-w-0 flex-1">
          <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span className="min-w-0 font-medium break-words">{incident.title}</span>
            <IncidentState incident={incident} />
          </span>
          <span className="block text-sm break-words text-fg-2">{inWords(incident.summary)}</span>
          <span className={`block text-xs break-words ${chosen ? "text-fg-2" : "text-fg-3"}`}>
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
