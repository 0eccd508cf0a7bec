import { Link } from "@tanstack/react-router";
import { GitCompareArrows } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, bytes, count } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";
import { StateBadge } from "../state-badge";
import { CompareDialog } from "./compare-dialog";
import { useMayChange } from "./rights";
import { RowComparison } from "./row-comparison";

type Version = Api["Version"];
type Props = {
  org: string;
  name: string;
  shown: number | null;
  latest: number | null;
  columns: Api["ColumnOut"][];
  /** A comparison of two versions' rows that is shown. */
  diff: string | undefined;
  onDiff: (diff: string | undefined) => void;
  onPending: (version: string) => void;
};
const VERSIONS = "/api/v1/datasets/{org}/{name}/versions";

/** The versions of a dataset, two of them compared where one asks, and each to be restored by whoever may. */
export default function Versions({ org, name, shown, latest, columns, diff, onDiff, onPending }: Props) {
  const { t } = useTranslation();
  const mayChange = useMayChange(org, name);
  const [open, setOpen] = useState<"compare" | Version | null>(null);
  const path = { org, name };
  const { query, items } = useCursor<Version>(["get", VERSIONS, path, "pages"], (asked, signal) =>
    client.GET(VERSIONS, { params: { path, query: asked }, signal }),
  );
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (diff) return <RowComparison id={diff} org={org} name={name} onClose={() => onDiff(undefined)} />;
  const whole = (items ?? []).filter((one) => one.number !== null && !one.thinned_at);
  const restoring = open === "compare" ? null : open;
  return (
    <>
      <Card
        flush
        title={t("dataset.tab.versions")}
        actions={
          mayChange && whole.length > 1 ? (
            <Button onClick={() => setOpen("compare")}>
              <GitCompareArrows size={15} aria-hidden />
              {t("compare.action")}
            </Button>
          ) : null
        }
      >
        {items ? (
          <Table label={t("dataset.tab.versions")}>
            <thead>
              <tr>
                <HeadCell className="pl-4">{t("dataset.number")}</HeadCell>
                <HeadCell>{t("dataset.state")}</HeadCell>
                <HeadCell>{t("dataset.file")}</HeadCell>
                <HeadCell right>{t("dataset.rowCount")}</HeadCell>
                <HeadCell right>{t("dataset.size")}</HeadCell>
                <HeadCell right className={mayChange ? "" : "pr-4"}>
                  {t("dataset.made")}
                </HeadCell>
                {mayChange ? (
                  <HeadCell className="pr-4">
                    <span className="sr-only">{t("restore.action")}</span>
                  </HeadCell>
                ) : null}
              </tr>
            </thead>
            <tbody>
              {items.map((version) => (
                <tr key={version.id}>
                  <Cell className="pl-4 whitespace-nowrap">
                    {version.number ? (
                      <Link
                        to="/datasets/$org/$name"
                        params={path}
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
                  <Cell className="whitespace-nowrap">
                    <StateBadge state={version.state} />{" "}
                    {version.thinned_at ? <Badge>{t("dataset.thinned")}</Badge> : null}{" "}
                    {typeof version.source.restores === "number" ? (
                      <Badge>{t("restore.restores", { number: version.source.restores })}</Badge>
                    ) : null}
                  </Cell>
                  <Cell className="max-w-64 truncate">{version.file_name}</Cell>
                  <Cell right>{version.row_count === null ? "–" : count(version.row_count)}</Cell>
                  <Cell right>{version.byte_count === null ? "–" : bytes(version.byte_count)}</Cell>
                  <Cell right className={mayChange ? "" : "pr-4"}>
                    {ago(version.created_at)}
                  </Cell>
                  {mayChange ? (
                    <Cell right className="pr-4">
                      {version.number && !version.thinned_at && version.number !== latest ? (
                        <Button
                          aria-label={t("restore.of", { number: version.number })}
                          onClick={() => setOpen(version)}
                        >
                          {t("restore.action")}
                        </Button>
                      ) : null}
                    </Cell>
                  ) : null}
                </tr>
              ))}
            </tbody>
          </Table>
        ) : (
          <SkeletonRows />
        )}
        <More query={query} />
      </Card>
      {open === "compare" ? (
        <CompareDialog
          org={org}
          name={name}
          numbers={whole.flatMap((one) => one.number ?? [])}
          columns={columns}
          onClose={() => setOpen(null)}
          onBegun={(begun) => {
            setOpen(null);
            onDiff(begun);
          }}
        />
      ) : null}
      <Confirm
        open={restoring !== null}
        onClose={() => setOpen(null)}
        title={t("restore.title", { number: restoring?.number ?? 0 })}
        text={t("restore.text", { number: restoring?.number ?? 0 })}
        action={t("restore.action")}
        onConfirm={async () => {
          const { data } = await client.POST("/api/v1/datasets/{org}/{name}/versions/{number}/restore", {
            params: { path: { ...path, number: (restoring?.number ?? 0) as never } },
          });
          if (data) onPending(data.id);
        }}
      />
    </>
  );
}
