import { useQuery } from "@tanstack/react-query";
import { createFileRoute, Link } from "@tanstack/react-router";
import { BellRing, Plus } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { LimitsCard } from "@/features/incidents/limits-card";
import { RuleList } from "@/features/incidents/rule-list";
import { type Rule, rulesKey } from "@/features/incidents/rules";
import { loadWords } from "@/i18n/parts";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";

const RuleDialog = lazy(() => import("@/features/incidents/rule-dialog"));

export const Route = createFileRoute("/_app/incidents/rules")({
  loader: () => loadWords("incidents"),
  component: AlertRules,
});

function AlertRules() {
  const { t } = useTranslation();
  const org = useMe().organisation ?? "";
  const [editing, setEditing] = useState<Rule | "new" | null>(null);
  const query = useQuery({
    queryKey: rulesKey(org),
    queryFn: async ({ signal }) => {
      const { data } = await client.GET("/api/v1/organisations/{org}/alert-rules", {
        params: { path: { org } },
        signal,
      });
      return data as Api["AlertRuleList"];
    },
  });
  const list = query.data;
  const add = (
    <Button kind="primary" onClick={() => setEditing("new")}>
      <Plus size={15} aria-hidden />
      {t("alert.add")}
    </Button>
  );
  return (
    <>
      <Link to="/incidents" search={{}} className="mb-2 inline-block text-sm text-accent-text hover:underline">
        {t("alert.back")}
      </Link>
      <PageHead title={t("alert.title")} facts={t("alert.text")} actions={list?.items.length ? add : null} />
      {query.error && !list ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[2fr_1fr]">
        <Card flush>
          {list ? (
            list.items.length ? (
              <RuleList org={org} list={list} onEdit={setEditing} />
            ) : (
              <Empty icon={BellRing} title={t("alert.none")} action={add}>
                {t("alert.noneText")}
              </Empty>
            )
          ) : (
            <SkeletonRows className="h-20" rows={3} />
          )}
        </Card>
        <LimitsCard org={org} />
      </div>
      {editing && list ? (
        <Suspense fallback={null}>
          <RuleDialog
            org={org}
            rule={editing === "new" ? null : editing}
            destinations={list.destinations}
            onClose={() => setEditing(null)}
          />
        </Suspense>
      ) : null}
    </>
  );
}
