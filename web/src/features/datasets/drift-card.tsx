import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { count, figure } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Note } from "@/ui/note";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { Cell, HeadCell, Table } from "@/ui/table";
import { comparable, effects, METHODS, type Method, MOVED_ABOVE } from "./drift";
import type { TableProfile } from "./profile";

type Props = {
  org: string;
  name: string;
  version: number;
  against: number;
  now: TableProfile;
  before: TableProfile;
};

/** How far the distributions of two versions are from each other, measured by the hub as a check of drift would. */
export function DriftCard({ org, name, version, against, now, before }: Props) {
  const { t } = useTranslation();
  const [method, setMethod] = useState<Method>("psi");
  const columns = comparable(now, before, method);
  // a check compares with what was before it
  const [newer, older] = version > against ? [version, against] : [against, version];
  const query = useQuery({
    queryKey: ["drift", org, name, newer, older, method],
    enabled: columns.length > 0,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      const { data } = await client.POST("/api/v1/datasets/{org}/{name}/checks/try", {
        params: { path: { org, name } },
        body: { definition: { kind: "drift", columns, method, reference: `@${older}` }, version: newer },
        signal,
      });
      return data as Api["Trial"];
    },
  });
  const found = query.data ? effects(query.data.result.metrics, method) : [];
  return (
    <Card
      flush
      className="mb-4"
      title={t("drift.title", { number: against })}
      actions={
        <Select
          aria-label={t("drift.method")}
          value={method}
          options={METHODS.map((value) => ({ value, label: t(`drift.${value}`) }))}
          onChange={(event) => setMethod(METHODS.find((one) => one === event.target.value) ?? "psi")}
        />
      }
    >
      {/* of its final height from the start, so that the columns below stay where they are */}
      <div
        className="h-72 overflow-y-auto"
        tabIndex={0}
        role="region"
        aria-label={t("drift.title", { number: against })}
      >
        {query.error ? (
          <Note tone="bad" className="m-4">
            {saidBy(query.error)}
          </Note>
        ) : null}
        {columns.length === 0 || (query.data && !found.length) ? (
          <p className="p-4 text-sm text-fg-2">{t("drift.none")}</p>
        ) : null}
        {found.length ? (
          <Table label={t("drift.effect")}>
            <thead>
              <tr>
                <HeadCell className="pl-4">{t("drift.column")}</HeadCell>
                <HeadCell right>{t("drift.effect")}</HeadCell>
                <HeadCell>{t("drift.verdict")}</HeadCell>
              </tr>
            </thead>
            <tbody>
              {found.map(({ column, effect }) => (
                <tr key={column}>
                  <Cell className="mono pl-4 break-all">{column}</Cell>
                  <Cell right>{figure(effect)}</Cell>
                  <Cell>
                    <Badge tone={effect > MOVED_ABOVE ? "warn" : "neutral"}>
                      {t(effect > MOVED_ABOVE ? "drift.moved" : "drift.alike")}
                    </Badge>
                  </Cell>
                </tr>
              ))}
            </tbody>
          </Table>
        ) : query.isFetching ? (
          <SkeletonRows rows={3} />
        ) : null}
      </div>
      <p className="px-4 py-2 text-xs text-fg-3">
        {t("drift.text", { limit: figure(MOVED_ABOVE) })}{" "}
        {query.data?.is_sample ? t("drift.sample", { rows: count(query.data.rows_tried) }) : ""}
      </p>
    </Card>
  );
}
