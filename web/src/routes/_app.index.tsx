import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { SetUp } from "@/features/admin/set-up";
import { useJobsNews } from "@/features/live-job";
import { chainOf, isNewHub } from "@/features/overview/chain";
import { ChainStrip } from "@/features/overview/chain-strip";
import { useMe } from "@/shell/me";
import { PurposeChoices } from "@/shell/purpose";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";

// one of them is needed
const FirstSteps = lazy(() => import("@/features/overview/first-steps"));
const AtWork = lazy(() => import("@/features/overview/at-work"));
const SHOWN = { params: { query: { limit: 100 } } };
const NO_JOBS = { items: [], next: null };
const FEW = { params: { query: { limit: 10 } } };

const First = lazy(() => import("@/features/organisation/first"));

export const Route = createFileRoute("/_app/")({ component: Home });

/** Somebody in no organisation has nothing to look over yet. */
function Home() {
  const me = useMe();
  if (me.organisation !== null) return <Overview />;
  return (
    <Suspense fallback={<Skeleton className="h-96 rounded-lg" />}>
      <First />
    </Suspense>
  );
}

function Overview() {
  const { t } = useTranslation();
  const me = useMe();
  useJobsNews("/api/v1/runs");
  useJobsNews("/api/v1/jobs");
  const datasets = useQuery(api.queryOptions("get", "/api/v1/datasets", SHOWN));
  const runs = useQuery(api.queryOptions("get", "/api/v1/runs", SHOWN));
  const models = useQuery(api.queryOptions("get", "/api/v1/models", SHOWN));
  const jobs = useQuery({
    ...api.queryOptions("get", "/api/v1/jobs", FEW),
    enabled: me.powers.includes("runs:read"),
  });
  const jobsShown = jobs.data ?? (jobs.isEnabled ? undefined : NO_JOBS);
  const failed = [datasets, runs, models, jobs].find((query) => query.error && !query.data);
  const lists = datasets.data &&
    runs.data &&
    models.data && { datasets: datasets.data.items, runs: runs.data.items, models: models.data.items };
  return (
    <>
      <PageHead title={t("nav.overview")} facts={t("overview.text")} />
      {me.purpose === null && me.session ? (
        <Card className="mb-4">
          <PurposeChoices large />
        </Card>
      ) : null}
      {failed ? (
        <Failed error={failed.error} retry={() => void failed.refetch()} />
      ) : // one after the other, so that nothing that is shown has to move
      lists && datasets.data && runs.data && models.data && jobsShown ? (
        <Suspense fallback={<Coming />}>
          {isNewHub(lists) ? (
            <>
              <ChainStrip {...chainOf(lists)} />
              <FirstSteps />
            </>
          ) : (
            <AtWork datasets={datasets.data} runs={runs.data} models={models.data} jobs={jobsShown} />
          )}
          <SetUp />
        </Suspense>
      ) : (
        <Coming />
      )}
    </>
  );
}

function Coming() {
  return (
    <div aria-hidden className="space-y-4">
      <Skeleton className="h-24 w-full rounded-lg" />
      <Skeleton className="h-80 w-full rounded-lg" />
    </div>
  );
}
