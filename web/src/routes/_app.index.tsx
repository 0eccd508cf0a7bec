import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { ArrowRight, Database, FlaskConical, type LucideIcon, Rocket, ShieldCheck } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { hubAddress } from "@/api/root";
import { SetUp } from "@/features/admin/set-up";
import { useJobsNews } from "@/features/live-job";
import { RunRow } from "@/features/runs/run-row";
import { isOver } from "@/features/state-badge";
import { ago, count } from "@/i18n/format";
import { buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Code } from "@/ui/code";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { Stat } from "@/ui/stat";

const SHOWN = { params: { query: { limit: 100 } } };
const ROWS = 6;

export const Route = createFileRoute("/_app/")({ component: Overview });

function Overview() {
  const { t } = useTranslation();
  useJobsNews("/api/v1/runs");
  const datasets = useQuery(api.queryOptions("get", "/api/v1/datasets", SHOWN));
  const runs = useQuery(api.queryOptions("get", "/api/v1/runs", SHOWN));
  const models = useQuery(api.queryOptions("get", "/api/v1/models", SHOWN));
  const failed = [datasets, runs, models].find((query) => query.error && !query.data);
  const running = runs.data?.items.filter((run) => !isOver(run.state)).length ?? 0;
  const served = models.data?.items.filter((model) => "champion" in model.aliases).length ?? 0;
  return (
    <>
      <PageHead title={t("nav.overview")} facts={t("overview.text")} />
      {failed ? <Failed error={failed.error} retry={() => void failed.refetch()} /> : null}
      <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Figure
          label={t("nav.datasets")}
          page={datasets.data}
          note={datasets.data?.items[0] && t("overview.newest", { when: ago(datasets.data.items[0].created_at) })}
        />
        <Figure label={t("nav.runs")} page={runs.data} note={t("overview.running", { amount: count(running) })} />
        <Figure
          label={t("nav.models")}
          page={models.data}
          note={models.data?.items[0] && t("overview.newest", { when: ago(models.data.items[0].created_at) })}
        />
        <Stat
          label={t("overview.served")}
          value={models.data ? count(served) : <Skeleton className="my-1 h-5 w-10" />}
          note={t("overview.servedText")}
        />
      </dl>
      <Chain />
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Card
          flush
          title={t("overview.recentRuns")}
          actions={
            <Link to="/runs" className="text-sm text-accent-text hover:underline">
              {t("action.all")}
            </Link>
          }
        >
          {runs.data ? (
            runs.data.items.length ? (
              <ul className="divide-y divide-line">
                {runs.data.items.slice(0, ROWS).map((run) => (
                  <RunRow key={run.id} run={run} />
                ))}
              </ul>
            ) : (
              <Empty
                icon={FlaskConical}
                title={t("run.none")}
                action={
                  <Link to="/datasets" search={{}} className={buttonClass({ kind: "primary" })}>
                    {t("dataset.bring")}
                  </Link>
                }
              >
                {t("run.noneText")}
              </Empty>
            )
          ) : (
            <SkeletonRows rows={ROWS} />
          )}
        </Card>
        <div className="space-y-4">
          <Card title={t("overview.bring")}>
            <p className="mb-3 text-fg-2">{t("overview.bringText")}</p>
            <Link to="/datasets" search={{ upload: true }} className={buttonClass({ kind: "primary" })}>
              {t("dataset.upload")}
            </Link>
          </Card>
          <Card title={t("overview.notebook")}>
            <p className="mb-3 text-fg-2">{t("overview.notebookText")}</p>
            <Code label={t("overview.notebook")}>
              {`from lyceum_client import Client\nhub = Client("${hubAddress()}", "lyk_…")\nhub.datasets.list()`}
            </Code>
          </Card>
        </div>
      </div>
      <SetUp />
    </>
  );
}

function Figure({
  label,
  page,
  note,
}: {
  label: string;
  page: { items: unknown[]; next: string | null } | undefined;
  note: ReactNode;
}) {
  const value = page ? `${count(page.items.length)}${page.next ? "+" : ""}` : <Skeleton className="my-1 h-5 w-10" />;
  return <Stat label={label} value={value} note={note || "\u00a0"} />;
}

/** The way of a table, each step a link. */
function Chain() {
  const { t } = useTranslation();
  const steps: { to: "/datasets" | "/runs" | "/models"; icon: LucideIcon; name: string; text: string }[] = [
    { to: "/datasets", icon: Database, name: t("chain.data"), text: t("chain.dataText") },
    { to: "/datasets", icon: ShieldCheck, name: t("chain.checks"), text: t("chain.checksText") },
    { to: "/runs", icon: FlaskConical, name: t("chain.model"), text: t("chain.modelText") },
    { to: "/models", icon: Rocket, name: t("chain.endpoint"), text: t("chain.endpointText") },
  ];
  return (
    <ol aria-label={t("chain.label")} className="card mb-4 grid grid-cols-1 divide-line max-sm:divide-y sm:grid-cols-4">
      {steps.map(({ to, icon: Icon, name, text }, index) => (
        <li key={name} className="relative">
          <Link to={to} className="flex h-full items-center gap-3 rounded-lg px-4 py-3 hover:bg-hover">
            <span className="grid size-9 shrink-0 place-items-center rounded-md bg-accent-soft text-accent-text">
              <Icon size={17} aria-hidden />
            </span>
            <span className="min-w-0">
              <span className="block font-medium">{name}</span>
              <span className="block text-xs text-fg-3">{text}</span>
            </span>
          </Link>
          {index < steps.length - 1 ? (
            <ArrowRight
              size={14}
              aria-hidden
              className="pointer-events-none absolute inset-y-0 -right-2 my-auto hidden text-fg-3 sm:block"
            />
          ) : null}
        </li>
      ))}
    </ol>
  );
}
