import { useQuery } from "@tanstack/react-query";
import { History, TableRowsSplit } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, count, moment } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { BareButton, Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { useLiveJob, usePollMs } from "../live-job";
import { isOver, StateBadge } from "../state-badge";
import { wordsOf } from "./check-words";
import { FailingRows } from "./failing-rows";

const CheckHistory = lazy(() => import("./check-history"));
const QuarantineDialog = lazy(() => import("./quarantine-dialog"));

type Path = { org: string; name: string };
type Listed = Api["CheckRunListed"];
type Props = Path & { version: number; run: string | undefined; onRun: (run: string) => void };
const ORIGINS = ["person", "version", "schedule", "dbt", "blocking"] as const;

/** The runs of a version's checks, and what came of one of them. */
export default function CheckRuns({ org, name, version, run, onRun }: Props) {
  const { t } = useTranslation();
  const { query, items } = useCursor<Listed>(["check-runs", org, name, version], (asked, signal) =>
    client.GET("/api/v1/datasets/{org}/{name}/versions/{number}/check-runs", {
      params: { path: { org, name, number: version as never }, query: asked },
      signal,
    }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows />;
  if (!items.length) {
    return (
      <Card flush>
        <Empty icon={History} title={t("checkRun.none")}>
          {t("checkRun.noneText")}
        </Empty>
      </Card>
    );
  }
  const chosen = run ?? items[0]?.id ?? "";
  return (
    <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[2fr_5fr]">
      <Card flush title={t("checkRun.title", { number: version })}>
        <ul className="divide-y divide-line">
          {items.map((one) => (
            <li key={one.id}>
              <RunButton run={one} chosen={one.id === chosen} onPick={() => onRun(one.id)} />
            </li>
          ))}
        </ul>
        <More query={query} />
      </Card>
      <Results key={chosen} org={org} name={name} id={chosen} />
    </div>
  );
}

function RunButton({ run, chosen, onPick }: { run: Listed; chosen: boolean; onPick: () => void }) {
  const { t } = useTranslation();
  const origin = ORIGINS.find((one) => one === run.origin);
  return (
    <BareButton
      aria-pressed={chosen}
      onClick={onPick}
      className={`flex min-h-12 w-full flex-wrap items-center gap-x-2 px-4 py-2 text-left text-sm focus-visible:-outline-offset-2 ${chosen ? "bg-accent-soft" : "hover:bg-hover"}`}
    >
      <StateBadge state={run.state} />
      <time dateTime={run.created_at} title={moment(run.created_at)}>
        {ago(run.created_at)}
      </time>
      <span className={chosen ? "text-xs text-fg-2" : "text-xs text-fg-3"}>
        {origin ? t(`checkRun.origin.${origin}`) : run.origin}
      </span>
    </BareButton>
  );
}

function Results({ org, name, id }: Path & { id: string }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const pollMs = usePollMs();
  const [taking, setTaking] = useState(false);
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/check-runs/{check_run_id}", { params: { path: { check_run_id: id } } }),
    refetchInterval: (of) => (of.state.data && !isOver(of.state.data.state) ? pollMs : false),
  });
  const run = query.data;
  useLiveJob(run && !isOver(run.state) ? run.job_id : null, () => void query.refetch());
  if (query.error && !run) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!run) return <Skeleton className="h-96 rounded-lg" />;
  const results = [...run.results].sort((one, other) => rank(one) - rank(other));
  return (
    <Card
      flush
      title={t("checkRun.results")}
      actions={
        <>
          {run.results.some((result) => result.check_id && result.failing_rows.length) ? (
            <Button onClick={() => setTaking(true)}>
              <TableRowsSplit aria-hidden className="size-4" />
              {t("quarantine.open")}
            </Button>
          ) : null}
          <StateBadge state={run.state} />
        </>
      }
    >
      {taking ? (
        <Suspense>
          <QuarantineDialog name={name} run={run.id} onClose={() => setTaking(false)} />
        </Suspense>
      ) : null}
      {run.error ? (
        <p className="px-4 py-3 text-sm text-bad">{inWords(String(run.error.detail ?? run.error.title))}</p>
      ) : null}
      <ul className="divide-y divide-line">
        {results.map((result, place) => (
          <Result key={result.check_id ?? place} org={org} name={name} result={result} />
        ))}
      </ul>
    </Card>
  );
}

const rank = (result: Api["CheckResult"]) => (result.status === "passed" ? 1 : 0);

function Result({ org, name, result }: Path & { result: Api["CheckResult"] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className="flex min-h-14 cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 hover:bg-hover focus-visible:-outline-offset-2">
          <StateBadge state={result.status} />
          <span className="min-w-0 flex-1 basis-48">
            <span className="block font-medium break-words">{wordsOf(result.definition, t)}</span>
            <span className="block text-sm break-words text-fg-2">{inWords(result.sentence)}</span>
          </span>
          <span className="num text-right text-xs text-fg-3">
            {count(result.failing_count)} {t("checkRun.of", { total: count(result.rows_checked) })}
          </span>
        </summary>
        {open ? (
          <div className="border-t border-line bg-sunken">
            {result.check_id ? (
              <Suspense fallback={<Skeleton className="m-4 h-40" />}>
                <CheckHistory org={org} name={name} check={result.check_id} />
              </Suspense>
            ) : null}
            {result.failing_rows.length ? <FailingRows rows={result.failing_rows} /> : null}
          </div>
        ) : null}
      </details>
    </li>
  );
}
