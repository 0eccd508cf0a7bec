import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CalendarClock, FileUp, ListChecks, Play, Plus, Power, Sparkles, Trash2 } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client } from "@/api/client";
import { ago, count } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Badge } from "@/ui/badge";
import { BareButton, Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";
import { toast } from "@/ui/toast";
import { useLiveJob, usePollMs } from "../live-job";
import { isOver, StateBadge } from "../state-badge";
import { wordsOf } from "./check-words";
import { QualityCard } from "./quality-card";

const Suggestions = lazy(() => import("./suggestions"));
const CheckImport = lazy(() => import("./check-import"));
const CheckBuilder = lazy(() => import("./check-builder"));

type Path = { org: string; name: string };
type Props = Path & {
  version: number;
  columns: Api["ColumnOut"][];
  /** The check that is being changed, "new", "import" for a file of them, or "suggested" for those that may be kept. */
  open: string | undefined;
  onOpen: (check: string | undefined) => void;
};

/** A dataset's checks with what came of each in the last run on the version shown. */
export default function Checks({ org, name, version, columns, open, onOpen }: Props) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const queries = useQueryClient();
  const path = { org, name };
  const options = api.queryOptions("get", "/api/v1/datasets/{org}/{name}/checks", { params: { path } });
  const query = useQuery(options);
  const { run, anew } = useLastRun({ ...path, number: version });
  const failed = (error: unknown) =>
    toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" });
  const start = api.useMutation("post", "/api/v1/datasets/{org}/{name}/versions/{number}/check-runs", {
    onSuccess: anew,
    onError: failed,
  });
  const drop = (check: Api["Check"]) => {
    const before = queries.getQueryData<Api["CheckList"]>(options.queryKey);
    const back = () => queries.setQueryData(options.queryKey, before);
    // shown as gone at once; the hub hears of it when it can no longer be taken back
    queries.setQueryData(options.queryKey, { items: (before?.items ?? []).filter((one) => one.id !== check.id) });
    const send = () =>
      client
        .DELETE("/api/v1/checks/{check_id}", { params: { path: { check_id: check.id } } })
        .catch((error: unknown) => {
          back();
          failed(error);
        });
    toast(t("check.dropped"), { undo: back, onGone: () => void send() });
  };
  const turn = async (check: Api["Check"]) => {
    const enabled = !check.enabled;
    queries.setQueryData<Api["CheckList"]>(options.queryKey, (now) => ({
      items: (now?.items ?? []).map((one) => (one.id === check.id ? { ...one, enabled } : one)),
    }));
    try {
      await client.PATCH("/api/v1/checks/{check_id}", {
        params: { path: { check_id: check.id }, header: { "If-Match": `"${check.revision}"` } },
        body: { enabled },
      });
    } catch (error) {
      failed(error);
    } finally {
      await queries.invalidateQueries({ queryKey: options.queryKey });
    }
  };
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows />;
  const checks = query.data.items;
  if (open === "suggested") {
    return (
      <Suspense fallback={<Skeleton className="h-[34rem] rounded-lg" />}>
        <Suggestions org={org} name={name} version={version} columns={columns} onClose={() => onOpen(undefined)} />
      </Suspense>
    );
  }
  if (open === "import") {
    return (
      <Suspense fallback={<Skeleton className="h-[20rem] rounded-lg" />}>
        <CheckImport org={org} name={name} onClose={() => onOpen(undefined)} />
      </Suspense>
    );
  }
  const opened = checks.find((one) => one.id === open) ?? null;
  if (opened || open === "new") {
    return (
      <Suspense fallback={<Skeleton className="h-[34rem] rounded-lg" />}>
        <CheckBuilder
          key={open}
          org={org}
          name={name}
          version={version}
          columns={columns}
          check={opened}
          onClose={() => onOpen(undefined)}
        />
      </Suspense>
    );
  }
  const busy = run !== null && !isOver(run.state);
  const suggestButton = (
    <Button onClick={() => onOpen("suggested")}>
      <Sparkles size={15} aria-hidden />
      {t("check.suggest")}
    </Button>
  );
  const importButton = (
    <Button onClick={() => onOpen("import")}>
      <FileUp size={15} aria-hidden />
      {t("checkImport.open")}
    </Button>
  );
  const addButton = (
    <Button onClick={() => onOpen("new")}>
      <Plus size={15} aria-hidden />
      {t("check.add")}
    </Button>
  );
  if (!checks.length) {
    return (
      <Card flush>
        <Empty
          icon={ListChecks}
          title={t("check.none")}
          action={
            <>
              {suggestButton}
              {importButton}
              {addButton}
            </>
          }
        >
          {t("check.noneText")}
        </Empty>
      </Card>
    );
  }
  return (
    <>
      {" "}
      <Card
        flush
        title={
          <span className="flex items-center gap-2">
            {t("check.title", { amount: count(checks.length) })}
            {run ? <StateBadge state={run.state} /> : null}
            {run?.finished_at ? <span className="text-xs font-normal text-fg-3">{ago(run.finished_at)}</span> : null}
          </span>
        }
        actions={
          <>
            {suggestButton}
            {importButton}
            {addButton}
            <Button
              kind="primary"
              busy={start.isPending || busy}
              onClick={() => start.mutate({ params: { path: { ...path, number: version as never } } })}
            >
              <Play size={15} aria-hidden />
              {t("check.run")}
            </Button>
          </>
        }
      >
        <Table label={t("dataset.tab.checks")}>
          <thead>
            <tr>
              <HeadCell className="pl-4">{t("check.check")}</HeadCell>
              <HeadCell>{t("check.result")}</HeadCell>
              <HeadCell right className="max-sm:hidden">
                {t("check.failing")}
              </HeadCell>
              <HeadCell>
                <span className="sr-only">{t("check.actions")}</span>
              </HeadCell>
            </tr>
          </thead>
          <tbody>
            {inOrder(checks, run).map(({ check, result }) => (
              <tr key={check.id}>
                <Cell className="pl-4">
                  <BareButton
                    onClick={() => onOpen(check.id)}
                    className="text-left font-medium break-words hover:underline pointer-coarse:min-h-11"
                  >
                    {wordsOf(check.definition, t)}
                  </BareButton>
                  {check.definition.severity === "warning" ? (
                    <Badge className="ml-2">{t("check.warning")}</Badge>
                  ) : null}
                  {check.enabled ? null : <Badge className="ml-2">{t("check.off")}</Badge>}
                  {check.schedule ? (
                    <Badge className="ml-2" title={`${check.schedule} (${check.zone})`}>
                      <CalendarClock size={12} aria-hidden />
                      <span className="mono">{check.schedule}</span>
                    </Badge>
                  ) : null}
                  <span className="block text-xs text-fg-3">{inWords(result?.sentence ?? check.reason ?? "")}</span>
                </Cell>
                <Cell>{result ? <StateBadge state={result.status} /> : "–"}</Cell>
                <Cell right className="max-sm:hidden">
                  {result ? count(result.failing_count) : "–"}
                </Cell>
                <Cell className="w-24 pr-2 whitespace-nowrap">
                  <Button
                    kind="ghost"
                    size="icon"
                    aria-pressed={check.enabled}
                    aria-label={t(check.enabled ? "check.turnOff" : "check.turnOn", {
                      check: wordsOf(check.definition, t),
                    })}
                    onClick={() => void turn(check)}
                  >
                    <Power size={15} aria-hidden />
                  </Button>
                  <Button
                    kind="ghost"
                    size="icon"
                    aria-label={t("check.drop", { check: wordsOf(check.definition, t) })}
                    onClick={() => drop(check)}
                  >
                    <Trash2 size={15} aria-hidden />
                  </Button>
                </Cell>
              </tr>
            ))}
          </tbody>
        </Table>
      </Card>
      {/* another one when a run has ended, which may have changed the score */}
      <QualityCard key={run?.finished_at ?? ""} org={org} name={name} />
    </>
  );
}

function useLastRun(path: Path & { number: number }) {
  const pollMs = usePollMs();
  const params = { path: { ...path, number: path.number as never }, query: { limit: 1 } };
  const list = useQuery(
    api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions/{number}/check-runs", { params }),
  );
  const id = list.data?.items[0]?.id ?? "";
  const one = useQuery({
    ...api.queryOptions("get", "/api/v1/check-runs/{check_run_id}", { params: { path: { check_run_id: id } } }),
    enabled: id !== "",
    refetchInterval: (of) => (of.state.data && !isOver(of.state.data.state) ? pollMs : false),
  });
  const run = id && one.data ? one.data : null;
  useLiveJob(run && !isOver(run.state) ? run.job_id : null, () => void one.refetch());
  return { run, anew: () => void list.refetch() };
}

type Result = Api["CheckResult"];

/** What failed comes first. */
function inOrder(
  checks: Api["Check"][],
  run: Api["CheckRun"] | null,
): { check: Api["Check"]; result: Result | undefined }[] {
  const results = new Map(run?.results.map((result) => [result.check_id, result]));
  const both = checks.map((check) => ({ check, result: results.get(check.id) }));
  const rank = (result: Result | undefined) => (result && result.status !== "passed" ? 0 : 1);
  return both.sort((one, other) => rank(one.result) - rank(other.result));
}
