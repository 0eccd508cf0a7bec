import { createFileRoute, Link } from "@tanstack/react-router";
import { FlaskConical } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useJobsNews } from "@/features/live-job";
import { More } from "@/features/more";
import { usePages } from "@/features/pages";
import { RunRow } from "@/features/runs/run-row";
import { buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";

const STATES = ["queued", "running", "finished", "failed", "cancelled"] as const;
type State = (typeof STATES)[number];

export const Route = createFileRoute("/_app/runs/")({
  validateSearch: (search: Record<string, unknown>): { state?: State } => {
    const state = STATES.find((one) => one === search.state);
    return state ? { state } : {};
  },
  component: Runs,
});

function Runs() {
  const { t } = useTranslation();
  const { state } = Route.useSearch();
  const navigate = Route.useNavigate();
  useJobsNews("/api/v1/runs");
  const { query, items } = usePages("/api/v1/runs");
  const shown = state ? items?.filter((run) => run.state === state) : items;
  const options = [
    { value: "", label: t("run.anyState") },
    ...STATES.map((value) => ({ value, label: t(`runState.${value}`) })),
  ];
  return (
    <>
      <PageHead
        title={t("nav.runs")}
        facts={t("run.listText")}
        actions={
          <Select
            aria-label={t("run.state")}
            value={state ?? ""}
            options={options}
            onChange={(event) => {
              const wanted = STATES.find((one) => one === event.target.value);
              void navigate({ search: wanted ? { state: wanted } : {}, replace: true });
            }}
          />
        }
      />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {shown ? (
          shown.length ? (
            <ul className="divide-y divide-line">
              {shown.map((run) => (
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
          )
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
    </>
  );
}
