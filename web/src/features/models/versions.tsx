import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Crown } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { saidBy } from "@/api/problem";
import { ago, bytes } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";
import { toast } from "@/ui/toast";

const CHAMPION = "champion";
type Props = { model: Api["Model"]; shown: number | null; onChange: () => void };

export function ModelVersions({ model, shown, onChange }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const path = { org: model.organisation, name: model.name };
  const query = useQuery(
    api.queryOptions("get", "/api/v1/models/{org}/{name}/versions", { params: { path, query: { limit: 100 } } }),
  );
  const modelKey = api.queryOptions("get", "/api/v1/models/{org}/{name}", { params: { path } }).queryKey;
  const name = api.useMutation("put", "/api/v1/models/{org}/{name}/aliases/{alias}");
  const promote = (version: number, { canUndo }: { canUndo: boolean }) => {
    const before = model.aliases[CHAMPION];
    // at once, and back when the hub refuses
    queries.setQueryData(modelKey, { ...model, aliases: { ...model.aliases, [CHAMPION]: version } });
    name.mutate(
      { params: { path: { ...path, alias: CHAMPION } }, body: { version } },
      {
        onSuccess: () => {
          onChange();
          const undo = canUndo && before ? { undo: () => promote(before, { canUndo: false }) } : {};
          toast(t("model.isChampion", { number: version }), undo);
        },
        onError: (error) => {
          queries.setQueryData(modelKey, model);
          toast(saidBy(error), { tone: "bad" });
        },
      },
    );
  };
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows />;
  return (
    <Card flush>
      <Table label={t("model.tab.versions")}>
        <thead>
          <tr>
            <HeadCell className="pl-4">{t("dataset.number")}</HeadCell>
            <HeadCell>{t("model.aliases")}</HeadCell>
            <HeadCell right>{t("dataset.size")}</HeadCell>
            <HeadCell right>{t("dataset.made")}</HeadCell>
            <HeadCell>
              <span className="sr-only">{t("check.actions")}</span>
            </HeadCell>
          </tr>
        </thead>
        <tbody>
          {query.data.items.map((version) => {
            const aliases = Object.entries(model.aliases).filter(([, number]) => number === version.number);
            return (
              <tr key={version.id}>
                <Cell className="pl-4">
                  <Link
                    to="/models/$org/$name"
                    params={path}
                    search={{ version: version.number }}
                    className="font-medium text-accent-text hover:underline"
                  >
                    {t("dataset.version", { number: version.number })}
                  </Link>{" "}
                  {version.number === shown ? <Badge>{t("dataset.shown")}</Badge> : null}
                </Cell>
                <Cell>
                  {aliases.map(([alias]) => (
                    <Badge key={alias} tone="ok">
                      {alias}
                    </Badge>
                  ))}
                </Cell>
                <Cell right>{bytes(version.artifact_bytes)}</Cell>
                <Cell right>{ago(version.created_at)}</Cell>
                <Cell className="pr-4 text-right">
                  {model.aliases[CHAMPION] === version.number ? null : (
                    <Button onClick={() => promote(version.number, { canUndo: true })}>
                      <Crown size={15} aria-hidden />
                      {t("model.promote")}
                    </Button>
                  )}
                </Cell>
              </tr>
            );
          })}
        </tbody>
      </Table>
    </Card>
  );
}
