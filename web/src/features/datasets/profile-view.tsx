import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { count, figure, percent, short } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Bars } from "@/ui/charts/bars";
import { Histogram } from "@/ui/charts/histogram";
import { Failed } from "@/ui/failed";
import { Skeleton } from "@/ui/skeleton";
import { type ColumnProfile, profileQuery } from "./profile";

const COLUMNS_AT_ONCE = 12;
const TOP_SHOWN = 7;

/** Every column with its shape, values and missing share. */
export default function ProfileView({ org, name, version }: { org: string; name: string; version: number }) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(COLUMNS_AT_ONCE);
  const query = useQuery(profileQuery(org, name, version));
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const columns = query.data?.columns;
  return (
    <>
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        {columns
          ? columns.slice(0, shown).map((column) => <ColumnCard key={column.name} column={column} />)
          : Array.from({ length: 6 }, (_, index) => <Skeleton key={index} className="h-80 rounded-lg" />)}
      </div>
      {columns && columns.length > shown ? (
        <div className="mt-4 flex justify-center">
          <Button onClick={() => setShown(shown + COLUMNS_AT_ONCE)}>
            {t("profile.moreColumns", { amount: count(columns.length - shown) })}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function ColumnCard({ column }: { column: ColumnProfile }) {
  const { t } = useTranslation();
  const numeric = column.histogram?.edges.every((edge) => typeof edge === "number");
  const dated = column.histogram && !numeric;
  const edges = dated
    ? column.histogram?.edges.map((edge) => Date.parse(String(edge)))
    : column.histogram?.edges.map(Number);
  const facts: [string, string][] = [
    [t("profile.missing"), percent(column.missing_fraction)],
    [t("profile.distinct"), (column.distinct_is_exact ? "" : "≈ ") + short(column.distinct)],
    ...(column.mean === null ? [] : [[t("profile.mean"), figure(column.mean)] as [string, string]]),
    ...(column.std === null ? [] : [[t("profile.std"), figure(column.std)] as [string, string]]),
  ];
  return (
    <Card title={<span className="mono">{column.name}</span>} actions={<Badge>{column.type}</Badge>}>
      <dl className="mb-3 flex flex-wrap gap-x-5 gap-y-1 text-sm">
        {facts.map(([label, value]) => (
          <div key={label} className="flex gap-1.5">
            <dt className="text-fg-3">{label}</dt>
            <dd className="num font-medium">{value}</dd>
          </div>
        ))}
      </dl>
      {column.histogram && edges ? (
        <Histogram
          name={column.name}
          edges={edges}
          counts={column.histogram.counts}
          {...(dated ? { edgeText: (edge: number) => new Date(edge).toISOString().slice(0, 10) } : {})}
        />
      ) : column.top_values.length ? (
        <Bars
          label={t("profile.frequent")}
          bars={column.top_values
            .slice(0, TOP_SHOWN)
            .map((one) => ({ name: String(one.value), value: one.count, text: count(one.count) }))}
        />
      ) : (
        <p className="py-6 text-center text-sm text-fg-3">{t("profile.noShape")}</p>
      )}
    </Card>
  );
}
