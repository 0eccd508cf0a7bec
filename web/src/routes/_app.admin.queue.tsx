import { useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { ListChecks } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { HubJobRow } from "@/features/admin/hub-job-row";
import { useHubPages } from "@/features/admin/hub-pages";
import { JobWindow } from "@/features/admin/job-window";
import { useOrganisationNames } from "@/features/admin/organisation-names";
import { QueueFigures, useQueue } from "@/features/admin/queue-figures";
import { More } from "@/features/more";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { PageHead } from "@/ui/page-head";
import { SelectField } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const STATES = ["dead", "running", "ready", "scheduled", "waiting", "cancelled", "done"] as const;
type State = (typeof STATES)[number];
const POLL_MS = 4000;

export const Route = createFileRoute("/_app/admin/queue")({
  validateSearch: (search: Record<string, unknown>): { state?: State; kind?: string } => {
    const state = STATES.find((one) => one === search.state);
    const kind = typeof search.kind === "string" ? search.kind.slice(0, 100) : "";
    return { ...(state && { state }), ...(kind && { kind }) };
  },
  component: Queue,
});

function Queue() {
  const { t } = useTranslation();
  const { state, kind } = Route.useSearch();
  const navigate = Route.useNavigate();
  const nameOf = useOrganisationNames();
  const listId = useId();
  const [shown, setShown] = useState<Api["HubJob"] | null>(null);
  const { query, items } = useHubPages("/api/v1/hub/jobs", { state, kind }, POLL_MS);
  const kinds = [...new Set([...(useQueue().data?.open ?? []), ...(items ?? [])].map((one) => one.kind))].sort();
  const { busy, act } = useJobAction();
  const filter = (next: { state?: State | undefined; kind?: string | undefined }) =>
    void navigate({
      search: { ...(next.state && { state: next.state }), ...(next.kind && { kind: next.kind }) },
      replace: true,
    });
  return (
    <>
      <PageHead title={t("admin.page.queue")} facts={t("admin.queueText")} />
      <QueueFigures />
      <div className="mb-4 grid grid-cols-2 gap-3 sm:max-w-xl">
        <SelectField
          label={t("admin.queue.state")}
          value={state ?? ""}
          options={[
            { value: "", label: t("admin.queue.any") },
            ...STATES.map((value) => ({ value, label: t(`admin.queue.${value}`) })),
          ]}
          onChange={(event) => filter({ kind, state: STATES.find((one) => one === event.target.value) })}
        />
        <TextField
          key={kind}
          label={t("admin.queue.kind")}
          defaultValue={kind}
          list={listId}
          autoComplete="off"
          spellCheck={false}
          onBlur={(event) =>
            event.target.value.trim() !== (kind ?? "") && filter({ state, kind: event.target.value.trim() })
          }
          onKeyDown={(event) => event.key === "Enter" && filter({ state, kind: event.currentTarget.value.trim() })}
        />
        <datalist id={listId}>
          {kinds.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </div>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((job) => (
                <HubJobRow
                  key={job.id}
                  job={job}
                  organisation={nameOf(job.organisation_id)}
                  busy={busy === job.id}
                  onCancel={() => void act(job, "cancel")}
                  onRetry={() => void act(job, "retry")}
                  onShow={() => setShown(job)}
                />
              ))}
            </ul>
          ) : (
            <Empty icon={ListChecks} title={t("admin.queue.none")}>
              {t("admin.queue.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
      {shown ? (
        <JobWindow job={items?.find((one) => one.id === shown.id) ?? shown} onClose={() => setShown(null)} />
      ) : null}
    </>
  );
}

function useJobAction() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [busy, setBusy] = useState("");
  const act = async (job: Api["HubJob"], what: "cancel" | "retry") => {
    setBusy(job.id);
    const path = what === "cancel" ? "/api/v1/hub/jobs/{job_id}/cancel" : "/api/v1/hub/jobs/{job_id}/retry";
    try {
      await client.POST(path, { params: { path: { job_id: job.id } } });
      toast(t(what === "cancel" ? "admin.queue.isCancelled" : "admin.queue.isRetried", { kind: job.kind }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy("");
      void queries.invalidateQueries({ queryKey: ["get", "/api/v1/hub/jobs"] });
      void queries.invalidateQueries({ queryKey: ["get", "/api/v1/hub/queue"] });
    }
  };
  return { busy, act };
}
