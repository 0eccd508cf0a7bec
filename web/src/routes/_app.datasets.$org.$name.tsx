import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { FlaskConical, Upload } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { PendingVersion } from "@/features/datasets/pending-version";
import { useMayChange } from "@/features/datasets/rights";
import { readSearch, type Search, TABS } from "@/features/datasets/search";
import { OpenIncidents } from "@/features/incidents/open-count";
import { datasetNotebook } from "@/features/notebook";
import { NotebookButton } from "@/features/notebook-button";
import { NotSeen } from "@/features/sharing/no-access";
import { ShareButton } from "@/features/sharing/share-button";
import { bytes, count } from "@/i18n/format";
import { withWords } from "@/i18n/parts";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";

const Rows = lazy(withWords(() => import("@/features/datasets/rows")));
const Schema = lazy(withWords(() => import("@/features/datasets/schema-view")));
const Profile = lazy(withWords(() => import("@/features/datasets/profile-view")));
const OddRows = lazy(withWords(() => import("@/features/datasets/odd-rows")));
const Checks = lazy(withWords(() => import("@/features/datasets/checks")));
const CheckRuns = lazy(withWords(() => import("@/features/datasets/check-runs")));
const Lineage = lazy(withWords(() => import("@/features/datasets/lineage")));
const Anomalies = lazy(withWords(() => import("@/features/datasets/anomalies")));
const Sources = lazy(withWords(() => import("@/features/datasets/sources")));
const DatasetSettings = lazy(withWords(() => import("@/features/datasets/dataset-settings")));
const Versions = lazy(withWords(() => import("@/features/datasets/versions")));
const UploadDialog = lazy(withWords(() => import("@/features/datasets/upload-dialog")));
const TrainDialog = lazy(() => import("@/features/datasets/train-dialog"));

const datasetOptions = (path: { org: string; name: string }) =>
  api.queryOptions("get", "/api/v1/datasets/{org}/{name}", { params: { path } });

export const Route = createFileRoute("/_app/datasets/$org/$name")({
  validateSearch: readSearch,
  loader: ({ context, params }) => void context.queryClient.prefetchQuery(datasetOptions(params)),
  component: DatasetPage,
});

const withoutDiff = ({ diff: _, ...rest }: Search): Search => rest;

function DatasetPage() {
  const { t } = useTranslation();
  const { org, name } = Route.useParams();
  const search = Route.useSearch();
  const { tab = "data", version: chosen, pending } = search;
  const navigate = Route.useNavigate();
  const queries = useQueryClient();
  const [open, setOpen] = useState<"upload" | "train" | null>(null);
  const options = datasetOptions({ org, name });
  const query = useQuery(options);
  const dataset = query.data;
  const number = chosen ?? dataset?.latest_version ?? null;
  const version = useQuery({
    ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions/{number}", {
      params: { path: { org, name, number: number as never } },
    }),
    enabled: number !== null,
  }).data;
  const mayChange = useMayChange(org, name);
  const address = `${org}/${name}`;
  if (query.error && !dataset) {
    return <NotSeen kind="dataset" address={address} error={query.error} retry={() => void query.refetch()} />;
  }
  const show = (next: Search) => void navigate({ search: next, replace: true });
  const accepted = async () => {
    await queries.invalidateQueries({ queryKey: ["get", "/api/v1/datasets/{org}/{name}"] });
    await queries.invalidateQueries({ queryKey: ["get", "/api/v1/datasets/{org}/{name}/versions"] });
    show(tab === "data" ? {} : { tab });
  };
  return (
    <>
      <PageHead
        title={
          <>
            <span className="font-normal text-fg-3">{org}/</span>
            {name}
          </>
        }
        facts={
          version ? (
            <>
              <Badge tone="accent">{t("dataset.version", { number: version.number ?? 0 })}</Badge>
              <span className="num">{t("dataset.rows", { amount: count(version.row_count ?? 0) })}</span>
              <span className="num">
                {t("dataset.columns", { amount: count(version.table_schema?.columns.length ?? 0) })}
              </span>
              <span className="num">{bytes(version.byte_count ?? 0)}</span>
              {/* on a phone it would break the line, and move the page below when it comes */}
              <span className="hidden sm:inline">{version.file_name}</span>
              <OpenIncidents dataset={address} />
            </>
          ) : (
            <Skeleton className="h-5 w-64" />
          )
        }
        actions={
          <>
            <NotebookButton name={name} notebook={() => datasetNotebook(number ? `${address}@${number}` : address)} />
            <ShareButton kind="dataset" address={address} organisation={org} />
            {mayChange ? (
              <Button onClick={() => setOpen("upload")}>
                <Upload size={15} aria-hidden />
                {t("dataset.newVersion")}
              </Button>
            ) : null}
            <Button kind="primary" disabled={!version} onClick={() => setOpen("train")}>
              <FlaskConical size={15} aria-hidden />
              {t("run.start")}
            </Button>
          </>
        }
      />
      {dataset?.description ? <p className="mb-4 max-w-[68ch] text-fg-2">{dataset.description}</p> : null}
      {pending ? <PendingVersion id={pending} onAccepted={() => void accepted()} onClose={() => show({})} /> : null}
      {dataset && number === null ? (
        pending ? null : (
          <Empty
            icon={Upload}
            title={t("dataset.empty")}
            action={
              mayChange ? (
                <Button kind="primary" onClick={() => setOpen("upload")}>
                  {t("dataset.upload")}
                </Button>
              ) : null
            }
          >
            {t("dataset.emptyText")}
          </Empty>
        )
      ) : (
        <Tabs
          label={address}
          value={tab}
          onChange={(next) => {
            const wanted = TABS.find((one) => one === next);
            show({ ...(wanted && wanted !== "data" ? { tab: wanted } : {}), ...(chosen ? { version: chosen } : {}) });
          }}
          tabs={TABS.map((value) => ({ value, label: t(`dataset.tab.${value}`) }))}
        >
          <Suspense fallback={<Skeleton className="h-[38rem] rounded-lg" />}>
            <TabPanel value="data">
              {version && number ? (
                <Rows
                  key={number}
                  org={org}
                  name={name}
                  version={number}
                  columns={version.table_schema?.columns ?? []}
                  sort={search.sort}
                  filters={search.where ?? []}
                  onAsk={({ sort, filters }) => {
                    const { sort: _, where: __, ...rest } = search;
                    show({ ...rest, ...(sort ? { sort } : {}), ...(filters.length ? { where: filters } : {}) });
                  }}
                />
              ) : (
                <Skeleton className="h-[38rem] rounded-lg" />
              )}
            </TabPanel>
            <TabPanel value="profile">
              {number ? (
                <>
                  <Profile
                    org={org}
                    name={name}
                    version={number}
                    against={search.against === number ? undefined : search.against}
                    onCompare={(against) => {
                      const { against: _, ...rest } = search;
                      show(against ? { ...rest, against } : rest);
                    }}
                  />
                  <OddRows key={number} org={org} name={name} version={number} />
                </>
              ) : null}
            </TabPanel>
            <TabPanel value="schema">
              {version ? (
                <Schema
                  org={org}
                  name={name}
                  columns={version.table_schema?.columns ?? []}
                  since={search.since}
                  until={search.until}
                  onCompare={(between) => show({ ...search, ...between })}
                />
              ) : null}
            </TabPanel>
            <TabPanel value="checks">
              {version && number ? (
                <Checks
                  org={org}
                  name={name}
                  version={number}
                  columns={version.table_schema?.columns ?? []}
                  open={search.check}
                  onOpen={(check) => {
                    const { check: _, ...rest } = search;
                    void navigate({ search: check ? { ...rest, check } : rest });
                  }}
                />
              ) : null}
            </TabPanel>
            <TabPanel value="runs">
              {number ? (
                <CheckRuns
                  org={org}
                  name={name}
                  version={number}
                  run={search.run}
                  onRun={(run) => show({ ...search, run })}
                />
              ) : null}
            </TabPanel>
            <TabPanel value="anomalies">
              <Anomalies
                org={org}
                name={name}
                metric={search.metric}
                onMetric={(metric) => show({ ...search, metric })}
              />
            </TabPanel>
            <TabPanel value="sources">
              <Sources org={org} name={name} onPending={(version) => show({ tab: "sources", pending: version })} />
            </TabPanel>
            <TabPanel value="settings">
              {dataset ? <DatasetSettings org={org} name={name} dataset={dataset} /> : null}
            </TabPanel>
            <TabPanel value="lineage">
              <Lineage org={org} name={name} />
            </TabPanel>
            <TabPanel value="versions">
              <Versions
                org={org}
                name={name}
                shown={number}
                latest={dataset?.latest_version ?? null}
                columns={version?.table_schema?.columns ?? []}
                diff={search.diff}
                onDiff={(diff) => show(diff ? { ...search, diff } : withoutDiff(search))}
                onPending={(pending) => show({ tab: "versions", pending })}
              />
            </TabPanel>
          </Suspense>
        </Tabs>
      )}
      <Suspense fallback={null}>
        {open === "upload" ? <UploadDialog dataset={{ org, name }} onClose={() => setOpen(null)} /> : null}
        {open === "train" && version ? <TrainDialog version={version} onClose={() => setOpen(null)} /> : null}
      </Suspense>
    </>
  );
}
