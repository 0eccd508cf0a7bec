import { createFileRoute } from "@tanstack/react-router";
import { Building2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useHubPages } from "@/features/admin/hub-pages";
import { More } from "@/features/more";
import { useSettled } from "@/features/settled";
import { ago, bytes, count } from "@/i18n/format";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";

export const Route = createFileRoute("/_app/admin/organisations")({ component: Organisations });

function Organisations() {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const wanted = useSettled(typed);
  const { query, items } = useHubPages("/api/v1/admin/organisations", { q: wanted || undefined });
  return (
    <>
      <PageHead title={t("admin.page.organisations")} facts={t("admin.organisationsText")} />
      <div className="mb-4 max-w-sm">
        <TextField
          label={t("admin.search")}
          type="search"
          value={typed}
          maxLength={100}
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <Table label={t("admin.page.organisations")}>
              <thead>
                <tr>
                  <HeadCell className="pl-4">{t("admin.organisation")}</HeadCell>
                  <HeadCell right>{t("admin.members")}</HeadCell>
                  <HeadCell right>{t("nav.datasets")}</HeadCell>
                  <HeadCell right>{t("nav.models")}</HeadCell>
                  <HeadCell right>{t("admin.keeps")}</HeadCell>
                  <HeadCell className="pr-4">{t("admin.made")}</HeadCell>
                </tr>
              </thead>
              <tbody>
                {items.map((one) => (
                  <tr key={one.id}>
                    <Cell className="max-w-60 pl-4">
                      <span className="block truncate font-medium">{one.title || one.name}</span>
                      <span className="mono block truncate text-fg-3">{one.name}</span>
                    </Cell>
                    <Cell right>{count(one.members)}</Cell>
                    <Cell right>{count(one.datasets)}</Cell>
                    <Cell right>{count(one.models)}</Cell>
                    <Cell right>{bytes(one.byte_count)}</Cell>
                    <Cell className="pr-4 whitespace-nowrap text-fg-2">{ago(one.created_at)}</Cell>
                  </tr>
                ))}
              </tbody>
            </Table>
          ) : (
            <Empty icon={Building2} title={t("admin.noOrganisation")}>
              {t("admin.noPersonText")}
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
