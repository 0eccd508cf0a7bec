import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { ago, bytes, count } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";
import { StateBadge } from "../state-badge";

export function Versions({ org, name, shown }: { org: string; name: string; shown: number | null }) {
  const { t } = useTranslation();
  const query = useQuery(
    api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions", {
      params: { path: { org, name }, query: { limit: 100 } },
    }),
  );
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <Card flush>
      {query.data ? (
        <Table label={t("dataset.tab.versions")}>
          <thead>
            <tr>
              <HeadCell className="pl-4">{t("dataset.number")}</HeadCell>
              <HeadCell>{t("dataset.state")}</HeadCell>
              <HeadCell>{t("dataset.file")}</HeadCell>
              <HeadCell right>{t("dataset.rowCount")}</HeadCell>
              <HeadCell right>{t("dataset.size")}</HeadCell>
              <HeadCell right className="pr-4">
                {t("dataset.made")}
              </HeadCell>
            </tr>
          </thead>
          <tbody>
            {query.data.items.map((version) => (
              <tr key={version.id}>
                <Cell className="pl-4">
                  {version.number ? (
                    <Link
                      to="/datasets/$org/$name"
                      params={{ org, name }}
                      search={{ version: version.number }}
                      className="font-medium text-accent-text hover:underline"
                    >
                      {t("dataset.version", { number: version.number })}
                    </Link>
                  ) : (
                    "–"
                  )}{" "}
                  {version.number === shown ? <Badge>{t("dataset.shown")}</Badge> : null}
                </Cell>
                <Cell>
                  <StateBadge state={version.state} />{" "}
                  {version.thinned_at ? <Badge>{t("dataset.thinned")}</Badge> : null}
                </Cell>
                <Cell className="max-w-64 truncate">{version.file_name}</Cell>
                <Cell right>{version.row_count === null ? "–" : count(version.row_count)}</Cell>
                <Cell right>{version.byte_count === null ? "–" : bytes(version.byte_count)}</Cell>
                <Cell right className="pr-4">
                  {ago(version.created_at)}
                </Cell>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : (
        <SkeletonRows />
      )}
    </Card>
  );
}
