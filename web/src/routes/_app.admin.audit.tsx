import { createFileRoute } from "@tanstack/react-router";
import { Download, ScrollText } from "lucide-react";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { saidBy } from "@/api/problem";
import { AuditFilters, type AuditSearch } from "@/features/admin/audit-filters";
import { AuditLine } from "@/features/admin/audit-line";
import { useHubPages } from "@/features/admin/hub-pages";
import { useOrganisationNames } from "@/features/admin/organisation-names";
import { download } from "@/features/download";
import { More } from "@/features/more";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const NAMES = ["actor", "action", "object", "from", "to"] as const;

export const Route = createFileRoute("/_app/admin/audit")({
  validateSearch: (search: Record<string, unknown>): AuditSearch =>
    Object.fromEntries(
      NAMES.flatMap((name) => {
        const value = search[name];
        return typeof value === "string" && value ? [[name, value]] : [];
      }),
    ),
  component: Audit,
});

const DAY_MS = 86_400_000;

/** What the hub is asked: whole days of the reader's own, the last of them too. */
function asked({ from, to, ...rest }: AuditSearch): Record<string, string | undefined> {
  const begin = (day: string, later = 0) => new Date(new Date(`${day}T00:00`).getTime() + later).toISOString();
  return { ...rest, from: from && begin(from), to: to && begin(to, DAY_MS) };
}

function Audit() {
  const { t } = useTranslation();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const nameOf = useOrganisationNames();
  const wanted = asked(search);
  const { query, items } = useHubPages("/api/v1/admin/audit", wanted);
  const actions = [...new Set(items?.map((entry) => entry.action))].sort();
  const filter = useCallback((next: AuditSearch) => void navigate({ search: next, replace: true }), [navigate]);
  const save = async (format: string) => {
    try {
      await download("api/v1/admin/audit/export", { ...wanted, format });
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
  };
  return (
    <>
      <PageHead
        title={t("admin.page.audit")}
        facts={t("admin.auditText")}
        actions={
          <>
            <Button onClick={() => void save("csv")}>
              <Download size={15} aria-hidden />
              {t("admin.audit.csv")}
            </Button>
            <Button onClick={() => void save("jsonl")}>
              <Download size={15} aria-hidden />
              {t("admin.audit.jsonl")}
            </Button>
          </>
        }
      />
      <AuditFilters search={search} actions={actions} onChange={filter} />
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((entry) => (
                <AuditLine
                  key={entry.id}
                  entry={entry}
                  organisation={nameOf(entry.organisation_id)}
                  onActor={() => entry.actor_id && filter({ ...search, actor: entry.actor_id })}
                  onObject={() => filter({ ...search, object: entry.object_address ?? entry.object_id ?? "" })}
                />
              ))}
            </ul>
          ) : (
            <Empty icon={ScrollText} title={t("admin.audit.none")}>
              {t("admin.audit.noneText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-13" />
        )}
        <More query={query} />
      </Card>
    </>
  );
}
