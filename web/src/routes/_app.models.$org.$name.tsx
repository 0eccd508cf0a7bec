import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { rowOf, type Signature, textsOf } from "@/features/models/signature";
import { ModelVersions } from "@/features/models/versions";
import { modelNotebook } from "@/features/notebook";
import { NotebookButton } from "@/features/notebook-button";
import { NotSeen } from "@/features/sharing/no-access";
import { ShareButton } from "@/features/sharing/share-button";
import { bytes, figure } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Note } from "@/ui/note";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";

const Report = lazy(() => import("@/features/runs/report"));
const Playground = lazy(() => import("@/features/models/playground"));
const Watch = lazy(() => import("@/features/models/watch"));

const TABS = ["playground", "report", "watch", "versions"] as const;
type Tab = (typeof TABS)[number];
type Search = { tab?: Exclude<Tab, "playground">; version?: number };

const modelOptions = (path: { org: string; name: string }) =>
  api.queryOptions("get", "/api/v1/models/{org}/{name}", { params: { path } });

export const Route = createFileRoute("/_app/models/$org/$name")({
  validateSearch: (search: Record<string, unknown>): Search => {
    const tab = TABS.find((one) => one === search.tab);
    return {
      ...(tab && tab !== "playground" ? { tab } : {}),
      ...(typeof search.version === "number" ? { version: search.version } : {}),
    };
  },
  loader: ({ context, params }) => void context.queryClient.prefetchQuery(modelOptions(params)),
  component: ModelPage,
});

/** The version asked for, else the champion, else the latest. */
const versionOf = (model: Api["Model"], chosen: number | undefined) =>
  chosen ?? model.aliases.champion ?? model.latest_version ?? null;

function ModelPage() {
  const { t } = useTranslation();
  const { org, name } = Route.useParams();
  const { tab = "playground", version: chosen } = Route.useSearch();
  const navigate = Route.useNavigate();
  const queries = useQueryClient();
  const query = useQuery(modelOptions({ org, name }));
  const model = query.data;
  const number = model ? versionOf(model, chosen) : null;
  const version = useQuery({
    ...api.queryOptions("get", "/api/v1/models/{org}/{name}/versions/{number}", {
      params: { path: { org, name, number: number as never } },
    }),
    enabled: number !== null,
  }).data;
  if (query.error && !model) {
    return <NotSeen kind="model" address={`${org}/${name}`} error={query.error} retry={() => void query.refetch()} />;
  }
  const runId = typeof version?.origin.run_id === "string" ? version.origin.run_id : null;
  const aliases = Object.entries(model?.aliases ?? {}).filter(([, target]) => target === number);
  const notebook = () => {
    const inputs = (version?.signature as unknown as Signature | undefined)?.inputs ?? [];
    return modelNotebook(`${org}/${name}@${number}`, rowOf(inputs, textsOf(inputs)));
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
              <Badge tone="accent">{t("dataset.version", { number: version.number })}</Badge>
              {aliases.map(([alias]) => (
                <Badge key={alias} tone="ok">
                  {alias}
                </Badge>
              ))}
              <span>{`${version.format.toUpperCase()}, ${bytes(version.artifact_bytes)}`}</span>
              {runId ? (
                <Link to="/runs/$id" params={{ id: runId }} className="text-accent-text hover:underline">
                  {t("model.itsRun")}
                </Link>
              ) : null}
            </>
          ) : (
            <Skeleton className="h-5 w-64" />
          )
        }
        actions={
          <>
            <ShareButton kind="model" address={`${org}/${name}`} organisation={org} />
            <NotebookButton name={name} notebook={notebook} />
          </>
        }
      />
      {version ? (
        <Note tone={version.parity.within_tolerance ? "plain" : "warn"} className="mb-4">
          {t(version.parity.within_tolerance ? "model.parity" : "model.parityBroken", {
            rows: version.parity.rows,
            difference: figure(version.parity.max_abs_difference),
          })}
        </Note>
      ) : (
        <Skeleton className="mb-4 h-9 rounded-md" />
      )}
      <Tabs
        label={`${org}/${name}`}
        value={tab}
        onChange={(next) => {
          const wanted = TABS.find((one) => one === next);
          const search = {
            ...(wanted && wanted !== "playground" ? { tab: wanted } : {}),
            ...(chosen ? { version: chosen } : {}),
          };
          void navigate({ search, replace: true });
        }}
        tabs={TABS.map((value) => ({ value, label: t(`model.tab.${value}`) }))}
      >
        <Suspense fallback={<Skeleton className="h-96 rounded-lg" />}>
          <TabPanel value="playground">
            {version ? <Playground key={version.id} version={version} /> : <Skeleton className="h-96 rounded-lg" />}
          </TabPanel>
          <TabPanel value="report">
            {runId ? <Report runId={runId} /> : version ? <Note>{t("model.noReport")}</Note> : null}
          </TabPanel>
          <TabPanel value="watch">
            <Watch org={org} name={name} />
          </TabPanel>
          <TabPanel value="versions">
            {model ? (
              <ModelVersions
                model={model}
                shown={number}
                onChange={() => void queries.invalidateQueries({ queryKey: modelOptions({ org, name }).queryKey })}
              />
            ) : null}
          </TabPanel>
        </Suspense>
      </Tabs>
    </>
  );
}
