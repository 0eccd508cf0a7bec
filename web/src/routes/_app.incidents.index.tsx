import { createFileRoute, Link } from "@tanstack/react-router";
import { BellRing, ShieldCheck } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { INCIDENTS_KEY } from "@/features/incidents/acting";
import { IncidentList } from "@/features/incidents/list";
import { useIncidentNews } from "@/features/incidents/news";
import { More } from "@/features/more";
import { loadWords } from "@/i18n/parts";
import { useMe } from "@/shell/me";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";

const STATES = ["unresolved", "open", "acknowledged", "snoozed", "resolved"] as const;
const SEVERITIES = ["critical", "warning", "info"] as const;
type Search = {
  state?: Exclude<(typeof STATES)[number], "unresolved">;
  severity?: (typeof SEVERITIES)[number];
  dataset?: string;
  mine?: true;
};

export const Route = createFileRoute("/_app/incidents/")({
  validateSearch: (search: Record<string, unknown>): Search => {
    const state = STATES.find((one) => one === search.state);
    const severity = SEVERITIES.find((one) => one === search.severity);
    return {
      ...(state && state !== "unresolved" ? { state } : {}),
      ...(severity ? { severity } : {}),
      ...(typeof search.dataset === "string" ? { dataset: search.dataset } : {}),
      ...(search.mine === true ? { mine: true } : {}),
    };
  },
  loader: () => loadWords("incidents"),
  component: Incidents,
});

function Incidents() {
  const { t } = useTranslation();
  const mayRule = useMe().powers.includes("alerts:manage");
  const search = Route.useSearch();
  useIncidentNews();
  const navigate = Route.useNavigate();
  const show = (next: Search) => void navigate({ search: next, replace: true });
  const { state = "unresolved", severity, dataset, mine } = search;
  const { query, items } = useCursor<Api["Incident"]>([...INCIDENTS_KEY, "list", search], (asked, signal) =>
    client.GET("/api/v1/incidents", {
      params: {
        query: {
          ...asked,
          state: [state],
          ...(severity ? { severity: [severity] } : {}),
          ...(dataset ? { dataset } : {}),
          ...(mine ? { mine } : {}),
        },
      },
      signal,
    }),
  );
  const without = (name: keyof Search): Search => ({ ...search, [name]: undefined });
  return (
    <>
      <PageHead
        title={t("nav.incidents")}
        facts={
          <>
            {t("incident.listText")}
            {dataset ? (
              <Button onClick={() => show(without("dataset"))}>{t("incident.dataset", { address: dataset })} ×</Button>
            ) : null}
          </>
        }
        actions={
          <>
            <Select
              aria-label={t("incident.show")}
              className="min-w-40"
              value={state}
              options={STATES.map((value) => ({ value, label: t(`incident.state.${value}`) }))}
              onChange={(event) => {
                const wanted = STATES.find((one) => one === event.target.value);
                show(wanted && wanted !== "unresolved" ? { ...search, state: wanted } : without("state"));
              }}
            />
            <Select
              aria-label={t("incident.which")}
              className="min-w-40"
              value={severity ?? ""}
              options={[
                { value: "", label: t("incident.any") },
                ...SEVERITIES.map((value) => ({ value, label: t(`incident.severity.${value}`) })),
              ]}
              onChange={(event) => {
                const wanted = SEVERITIES.find((one) => one === event.target.value);
                show(wanted ? { ...search, severity: wanted } : without("severity"));
              }}
            />
            <Button
              aria-pressed={mine ?? false}
              onClick={() => show(mine ? without("mine") : { ...search, mine: true })}
            >
              {t("incident.mine")}
            </Button>
            {mayRule ? (
              <Link to="/incidents/rules" className={buttonClass()}>
                <BellRing size={15} aria-hidden />
                {t("alert.title")}
              </Link>
            ) : null}
          </>
        }
      />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <IncidentList items={items} />
          ) : (
            <Empty icon={ShieldCheck} title={t("incident.none")}>
              {t("incident.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-20" />
        )}
        <More query={query} />
      </Card>
      {items?.length ? <p className="mt-3 hidden text-xs text-fg-3 md:block">{t("incident.keys")}</p> : null}
    </>
  );
}
