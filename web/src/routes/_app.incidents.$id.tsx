import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { AlarmClock, CircleCheck, Hand, RotateCcw } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { acknowledge, done, INCIDENTS_KEY, putOff, reopen, say, wake } from "@/features/incidents/acting";
import { IncidentState, restsNow, SeverityIcon } from "@/features/incidents/looks";
import { useIncidentNews } from "@/features/incidents/news";
import { Timeline } from "@/features/incidents/timeline";
import { ObjectLink } from "@/features/sharing/object-link";
import { ago, figure, moment } from "@/i18n/format";
import { loadWords } from "@/i18n/parts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { TextArea } from "@/ui/field";
import { Note } from "@/ui/note";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";

const ResolveDialog = lazy(() => import("@/features/incidents/resolve-dialog"));

export const Route = createFileRoute("/_app/incidents/$id")({
  loader: () => loadWords("incidents"),
  component: IncidentPage,
});

type Detail = Api["IncidentDetail"];

function IncidentPage() {
  const { t } = useTranslation();
  const { id } = Route.useParams();
  useIncidentNews();
  const query = useQuery({
    queryKey: [...INCIDENTS_KEY, id],
    queryFn: async ({ signal }) => {
      const { data } = await client.GET("/api/v1/incidents/{incident_id}", {
        params: { path: { incident_id: id } },
        signal,
      });
      return data as Detail;
    },
  });
  const incident = query.data;
  if (query.error && !incident) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!incident) return <Skeleton className="h-96 rounded-lg" />;
  return (
    <>
      <Link to="/incidents" search={{}} className="mb-2 inline-block text-sm text-accent-text hover:underline">
        {t("incident.back")}
      </Link>
      <Head incident={incident} />
      {incident.version_state === "rejected" ? (
        <Note tone="warn" className="mb-4">
          {t("incident.rejected")}
        </Note>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-[2fr_1fr]">
        <Card flush title={t("incident.timeline")}>
          {incident.may_act ? <Say id={id} /> : null}
          <Timeline id={id} />
        </Card>
        <div className="space-y-4">
          <Evidence incident={incident} />
          {incident.consumers.length ? <Consumers consumers={incident.consumers} /> : null}
        </div>
      </div>
    </>
  );
}

function Head({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const due = incident.state === "open" ? incident.acknowledge_due_at : incident.resolve_due_at;
  return (
    <PageHead
      title={incident.title}
      facts={
        <>
          <SeverityIcon severity={incident.severity} />
          <IncidentState incident={incident} />
          <ObjectLink kind="dataset" address={incident.dataset} />
          <span>{t("incident.occurrences", { count: incident.occurrences })}</span>
          <time dateTime={incident.last_seen_at} title={moment(incident.last_seen_at)}>
            {ago(incident.last_seen_at)}
          </time>
          <span>
            {incident.assignee
              ? t("incident.assignee", { name: incident.assignee.name ?? t("incident.former") })
              : t("incident.nobody")}
          </span>
          {incident.state !== "resolved" && due ? <span>{t("incident.due", { when: ago(due) })}</span> : null}
          <span className="basis-full text-base break-words text-fg">{incident.summary}</span>
        </>
      }
      actions={incident.may_act ? <Actions incident={incident} /> : null}
    />
  );
}

function Actions({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const [resolving, setResolving] = useState(false);
  const { id, title } = incident;
  if (incident.state === "resolved") {
    return (
      <Button onClick={() => void done(() => reopen(id), t("incident.reopen"))}>
        <RotateCcw size={15} aria-hidden />
        {t("incident.reopen")}
      </Button>
    );
  }
  const rests = restsNow(incident);
  return (
    <>
      <Button
        onClick={() =>
          void (rests
            ? done(() => wake(id), t("incident.wake"))
            : done(
                () => putOff(id),
                t("incident.putOff", { title }),
                () => wake(id),
              ))
        }
      >
        <AlarmClock size={15} aria-hidden />
        {t(rests ? "incident.wake" : "incident.snooze")}
      </Button>
      {incident.state === "open" ? (
        <Button onClick={() => void done(() => acknowledge(id), t("incident.acknowledged", { title }))}>
          <Hand size={15} aria-hidden />
          {t("incident.acknowledge")}
        </Button>
      ) : null}
      <Button kind="primary" onClick={() => setResolving(true)}>
        <CircleCheck size={15} aria-hidden />
        {t("incident.resolve")}
      </Button>
      {resolving ? (
        <Suspense fallback={null}>
          <ResolveDialog incidents={[incident]} onClose={() => setResolving(false)} />
        </Suspense>
      ) : null}
    </>
  );
}

function Say({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <form
      className="space-y-2 border-b border-line p-4"
      onSubmit={(event) => {
        event.preventDefault();
        const form = event.currentTarget;
        const comment = String(new FormData(form).get("comment")).trim();
        if (comment) void done(() => say(id, comment), t("incident.comment")).then(() => form.reset());
      }}
    >
      <TextArea name="comment" label={t("incident.say")} rows={2} maxLength={4000} required />
      <Button type="submit">{t("incident.sayButton")}</Button>
    </form>
  );
}

/** A fact in lines: a figure, a text, metrics with their value, or figures by column. */
function inWords(value: unknown): string[] {
  if (typeof value === "number") return [figure(value)];
  if (Array.isArray(value)) return value.flatMap(inWords);
  if (value === null || typeof value !== "object") return [String(value ?? "–")];
  if ("metric" in value && "value" in value) return [`${value.metric}: ${inWords(value.value).join(", ")}`];
  return Object.entries(value).map(([name, one]) => `${name}: ${inWords(one).join(", ")}`);
}

function Evidence({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const figures = Object.entries(incident.evidence).filter(([name]) => !name.endsWith("_id"));
  const [org = "", name = ""] = incident.dataset.split("/");
  return (
    <Card title={t("incident.evidence")}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        {figures.map(([fact, value]) => (
          <div key={fact} className="contents">
            <dt className="text-fg-2">{fact}</dt>
            <dd className="num min-w-0 text-right break-words">
              {inWords(value).map((line) => (
                <span key={line} className="block">
                  {line}
                </span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      {incident.evidence.check_run_id ? (
        <Link
          to="/datasets/$org/$name"
          params={{ org, name }}
          search={{ tab: "checks", ...(incident.version ? { version: incident.version } : {}) }}
          className="mt-2 inline-block text-sm text-accent-text hover:underline"
        >
          {t("incident.failingRows")}
        </Link>
      ) : null}
    </Card>
  );
}

function Consumers({ consumers }: { consumers: Detail["consumers"] }) {
  const { t } = useTranslation();
  return (
    <Card flush title={t("incident.consumers")}>
      <p className="px-4 pt-3 text-sm text-fg-2">{t("incident.consumersText")}</p>
      <ul className="divide-y divide-line">
        {consumers.map((one) => (
          <li key={one.id} className="flex min-h-11 flex-wrap items-center gap-x-2 px-4 py-2 text-sm">
            <ObjectLink kind={one.kind === "model" ? "model" : "run"} address={one.address.split("@")[0] ?? ""} />
            <span className="text-fg-3">{one.title}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
