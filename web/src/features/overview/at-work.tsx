import { Link } from "@tanstack/react-router";
import { Database, FlaskConical, ListChecks } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { ago, count } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Stat } from "@/ui/stat";
import { RunRow } from "../runs/run-row";
import { isOver, StateBadge } from "../state-badge";

type Page<T> = { items: T[]; next: string | null };
type Props = {
  datasets: Page<Api["Dataset"]>;
  runs: Page<Api["Run"]>;
  models: Page<Api["Model"]>;
  jobs: Page<Api["JobOut"]>;
};
const RUNS_SHOWN = 8;
const SHORT_SHOWN = 4;

/** What a hub that is used is asked first: how much is here, what has run, what works now, what is new. */
export default function AtWork({ datasets, runs, models, jobs }: Props) {
  const { t } = useTranslation();
  const { powers } = useMe();
  const running = runs.items.filter((run) => !isOver(run.state)).length;
  const served = models.items.filter((model) => "champion" in model.aliases).length;
  const newest = (page: Page<{ created_at: string }>) =>
    page.items[0] ? t("overview.newest", { when: ago(page.items[0].created_at) }) : "\u00a0";
  return (
    <>
      <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat label={t("nav.datasets")} value={amount(datasets)} note={newest(datasets)} />
        <Stat label={t("nav.runs")} value={amount(runs)} note={t("overview.running", { amount: count(running) })} />
        <Stat label={t("nav.models")} value={amount(models)} note={newest(models)} />
        <Stat label={t("overview.served")} value={count(served)} note={t("overview.servedText")} />
      </dl>
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Card flush title={t("overview.recentRuns")} actions={<All to="/runs" />}>
          {runs.items.length ? (
            <ul className="divide-y divide-line">
              {runs.items.slice(0, RUNS_SHOWN).map((run) => (
                <RunRow key={run.id} run={run} />
              ))}
            </ul>
          ) : (
            <Empty
              icon={FlaskConical}
              title={t("run.none")}
              action={
                <Link to="/datasets" search={{}} className={buttonClass({ kind: "primary" })}>
                  {t("run.pick")}
                </Link>
              }
            >
              {t("run.noneText")}
            </Empty>
          )}
        </Card>
        <div className="space-y-4">
          <Card flush title={t("overview.jobsNow")} actions={<All to="/jobs" />}>
            {jobs.items.length ? (
              <Rows>
                {jobs.items.slice(0, SHORT_SHOWN).map((job) => (
                  <li key={job.id} className="flex min-h-11 items-center gap-3 px-4 py-1.5">
                    <ListChecks size={15} aria-hidden className="shrink-0 text-fg-3" />
                    <span className="mono min-w-0 flex-1 truncate">{job.kind}</span>
                    <span className="text-xs text-fg-3">{ago(job.created_at)}</span>
                    <StateBadge state={job.state} />
                  </li>
                ))}
              </Rows>
            ) : (
              <p className="px-4 py-3 text-fg-2">{t("overview.quiet")}</p>
            )}
          </Card>
          <Card
            flush
            title={t("overview.latestDatasets")}
            actions={
              <>
                {powers.includes("datasets:write") ? (
                  <Link to="/datasets" search={{ upload: true }} className={buttonClass()}>
                    {t("dataset.upload")}
                  </Link>
                ) : null}
                <All to="/datasets" />
              </>
            }
          >
            {datasets.items.length ? (
              <Rows>
                {datasets.items.slice(0, SHORT_SHOWN).map((dataset) => (
                  <li key={dataset.id}>
                    <Link
                      to="/datasets/$org/$name"
                      params={{ org: dataset.organisation, name: dataset.name }}
                      search={{}}
                      className="flex min-h-11 items-center gap-3 px-4 py-1.5 hover:bg-hover"
                    >
                      <Database size={15} aria-hidden className="shrink-0 text-fg-3" />
                      <span className="min-w-0 flex-1 truncate font-medium">{dataset.address}</span>
                      <span className="text-xs text-fg-3">{ago(dataset.created_at)}</span>
                    </Link>
                  </li>
                ))}
              </Rows>
            ) : (
              <p className="px-4 py-3 text-fg-2">{t("overview.noDatasets")}</p>
            )}
          </Card>
        </div>
      </div>
    </>
  );
}

const amount = (page: Page<unknown>) => `${count(page.items.length)}${page.next ? "+" : ""}`;

function Rows({ children }: { children: ReactNode }) {
  return <ul className="divide-y divide-line">{children}</ul>;
}

function All({ to }: { to: "/runs" | "/jobs" | "/datasets" }) {
  const { t } = useTranslation();
  return (
    <Link to={to} className="text-sm text-accent-text hover:underline">
      {t("action.all")}
    </Link>
  );
}
