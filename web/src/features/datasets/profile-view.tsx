import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { count } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Select } from "@/ui/select";
import { Skeleton } from "@/ui/skeleton";
import { ColumnCard, type Other } from "./column-card";
import { DriftCard } from "./drift-card";
import { profileQuery } from "./profile";
import { Correlations, TableFacts } from "./profile-facts";

const COLUMNS_AT_ONCE = 12;
type Props = {
  org: string;
  name: string;
  version: number;
  against: number | undefined;
  onCompare: (against: number | undefined) => void;
};

/** Every column with its shape, values and missing share; over those of another version where one is chosen. */
export default function ProfileView({ org, name, version, against, onCompare }: Props) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(COLUMNS_AT_ONCE);
  const query = useQuery(profileQuery(org, name, version));
  const other = useQuery({ ...profileQuery(org, name, against ?? 0), enabled: against !== undefined });
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const columns = query.data?.columns;
  const before = against === undefined ? undefined : other.data;
  const gone = before?.columns.filter((one) => !columns?.some((now) => now.name === one.name)) ?? [];
  const otherOf = (column: string): Other | null => {
    const found = before?.columns.find((one) => one.name === column);
    return found && before && against ? { column: found, rows: before.rows, number: against } : null;
  };
  return (
    <>
      <Against org={org} name={name} version={version} against={against} onCompare={onCompare} />
      {query.data ? <TableFacts profile={query.data} /> : <Skeleton className="mb-4 h-5 w-72" />}
      {other.error && against !== undefined ? <Failed error={other.error} retry={() => void other.refetch()} /> : null}
      {query.data && before && against ? (
        <>
          <DriftCard org={org} name={name} version={version} against={against} now={query.data} before={before} />
          {gone.length ? (
            <Note className="mb-4">
              {t("drift.gone", { number: against, columns: gone.map((one) => one.name).join(", ") })}
            </Note>
          ) : null}
        </>
      ) : against !== undefined && !other.error ? (
        <Skeleton className="mb-4 h-[22.75rem] rounded-lg" />
      ) : null}
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        {columns
          ? columns
              .slice(0, shown)
              .map((column) => (
                <ColumnCard
                  key={column.name}
                  column={column}
                  rows={query.data?.rows ?? 0}
                  number={version}
                  against={before ? (against ?? null) : null}
                  other={otherOf(column.name)}
                />
              ))
          : Array.from({ length: 6 }, (_, index) => <Skeleton key={index} className="h-80 rounded-lg" />)}
      </div>
      {columns && columns.length > shown ? (
        <div className="mt-4 flex justify-center">
          <Button onClick={() => setShown(shown + COLUMNS_AT_ONCE)}>
            {t("profile.moreColumns", { amount: count(columns.length - shown) })}
          </Button>
        </div>
      ) : null}
      {query.data ? <Correlations pairs={query.data.correlations ?? []} /> : null}
    </>
  );
}

function Against({ org, name, version, against, onCompare }: Props) {
  const { t } = useTranslation();
  const versions = useQuery(
    api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions", {
      params: { path: { org, name }, query: { limit: 100 } },
    }),
  ).data?.items;
  const numbers = versions?.map((one) => one.number).filter((one) => one !== null && one !== version) ?? [];
  if (against !== undefined && !numbers.includes(against)) numbers.unshift(against);
  return (
    <div className="mb-4 flex min-h-8 items-center gap-2 pointer-coarse:min-h-11">
      {numbers.length ? (
        <Select
          aria-label={t("drift.compare")}
          className="min-w-56"
          value={against ?? ""}
          options={[
            { value: "", label: `${t("drift.compare")}: ${t("drift.nothing")}` },
            ...numbers.map((number) => ({
              value: String(number),
              label: `${t("drift.compare")}: ${t("drift.version", { number: number ?? 0 })}`,
            })),
          ]}
          onChange={(event) => onCompare(event.target.value ? Number(event.target.value) : undefined)}
        />
      ) : null}
    </div>
  );
}
