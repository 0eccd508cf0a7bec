import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { AlarmClock, CircleCheck, Hand, RotateCcw } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { acknowledge, done, INCIDENTS_KEY, reopen, say, wake } from "@/features/incidents/acting";
import { IncidentState, restsNow, SeverityIcon } from "@/features/incidents/looks";
import { useIncidentNews } from "@/features/incidents/news";
import { Timeline } from "@/features/incidents/timeline";
import { ObjectLink } from "@/features/sharing/object-link";
import { ago, moment } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { loadWords, withWords } from "@/i18n/parts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { TextArea } from "@/ui/field";
import { Note } from "@/ui/note";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";

const ResolveDialog = lazy(() => import("@/features/incidents/resolve-dialog"));
const SnoozeMenu = lazy(() => import("@/features/incidents/snooze-menu"));
const AssigneeCard = lazy(() => import("@/features/incidents/assignee-card"));
const Evidence = lazy(withWords(() => import("@/features/incidents/evidence")));

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
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <Card flush title={t("incident.timeline")}>
          {incident.may_act ? <Say incident={incident} /> : null}
          <Timeline id={id} />
        </Card>
        <div className="min-w-0 space-y-4">
          <Suspense fallback={<Skeleton className="h-80 rounded-lg" />}>
            <Evidence incident={incident}>
              {incident.may_act && incident.state !== "resolved" ? (
                <Suspense fallback={<Skeleton className="h-46 rounded-lg" />}>
                  <AssigneeCard incident={incident} />
                </Suspense>
              ) : null}
              {incident.consumers.length ? <Consumers consumers={incident.consumers} /> : null}
            </Evidence>
          </Suspense>
        </div>
      </div>
    </>
  );
}

function Head({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
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
          <span className="basis-full text-base break-words text-fg">{inWords(incident.summary)}</span>
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
      {rests ? (
        <Button onClick={() => void done(() => wake(id), t("incident.wake"))}>
          <AlarmClock size={15} aria-hidden />
          {t("incident.wake")}
        </Button>
      ) : (
        <Suspense
          fallback={
            <Button disabled>
              <AlarmClock size={15} aria-hidden />
              {t("incident.snooze")}
            </Button>
          }
        >
          <SnoozeMenu incident={incident} />
        </Suspense>
      )}
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

function Say({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const { id, title } = incident;
  const send = (form: HTMLFormElement | null, ask: (comment: string) => Promise<unknown>, said: string) => {
    if (!form?.reportValidity()) return;
    const comment = String(new FormData(form).get("comment")).trim();
    if (comment) void done(() => ask(comment), said).then(() => form.reset());
  };
  return (
    <form
      className="space-y-2 border-b border-line p-4"
      onSubmit={(event) => {
        event.preventDefault();
        send(event.currentTarget, (comment) => say(id, comment), t("incident.comment"));
      }}
    >
      <TextArea name="comment" label={t("incident.say")} rows={2} maxLength={4000} required />
      <div className="flex flex-wrap gap-2">
        <Button type="submit">{t("incident.sayButton")}</Button>
        {incident.state === "open" ? (
          <Button
            onClick={(event) =>
              send(
                event.currentTarget.form,
                (comment) => acknowledge(id, comment),
                t("incident.acknowledged", { title }),
              )
            }
          >
            <Hand size={15} aria-hidden />
            {t("incident.sayAndAcknowledge")}
          </Button>
        ) : null}
      </div>
    </form>
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
