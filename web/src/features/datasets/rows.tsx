import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { count, figure, short } from "@/i18n/format";
import { MiniHistogram } from "@/ui/charts/mini";
import { cn } from "@/ui/cn";
import { Failed } from "@/ui/failed";
import { Skeleton } from "@/ui/skeleton";
import { type ColumnProfile, isNumber, profileQuery, shapeOf } from "./profile";

const ROWS_SHOWN = 1000;
const ROW_PX = 34;

/** The first rows of a version, with the shape of each column in its head. */
export default function Rows({ org, name, version }: { org: string; name: string; version: number }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const preview = useQuery({
    ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions/{number}/preview", {
      params: { path: { org, name, number: version as never }, query: { limit: ROWS_SHOWN } },
    }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const profile = useQuery(profileQuery(org, name, version)).data;
  const rows = preview.data?.rows ?? [];
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  if (preview.error && !preview.data) return <Failed error={preview.error} retry={() => void preview.refetch()} />;
  if (!preview.data) return <Skeleton className="h-[34rem] rounded-lg" />;
  const columns = preview.data.columns.map((column) => profile?.columns.find((one) => one.name === column) ?? column);
  const grid = { gridTemplateColumns: columns.map(widthOf).join(" ") };
  return (
    <section className="card overflow-hidden">
      <div
        ref={box}
        tabIndex={0}
        role="region"
        aria-label={t("dataset.tab.data")}
        className="max-h-[34rem] overflow-auto"
      >
        <div
          role="table"
          aria-rowcount={rows.length + 1}
          aria-label={t("dataset.firstRows", { amount: count(rows.length) })}
          className="w-max min-w-full"
        >
          <div
            role="row"
            aria-rowindex={1}
            style={grid}
            className="sticky top-0 z-10 grid border-b border-line bg-surface"
          >
            {columns.map((column) => (
              <Head key={typeof column === "string" ? column : column.name} column={column} />
            ))}
          </div>
          <div className="relative" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                className="absolute inset-x-0 grid h-8.5 border-b border-line"
                style={{ ...grid, transform: `translateY(${item.start}px)` }}
              >
                {columns.map((column, at) => (
                  <Value key={at} value={rows[item.index]?.[at]} column={column} />
                ))}
              </div>
            ))}
          </div>
        </div>
      </div>
      <p className="num border-t border-line px-4 py-2 text-xs text-fg-3">
        {t("dataset.shownRows", { amount: count(rows.length), total: count(profile?.rows ?? rows.length) })}
      </p>
    </section>
  );
}

type Column = ColumnProfile | string;

function widthOf(column: Column): string {
  const type = typeof column === "string" ? "text" : column.type;
  return `minmax(${isNumber(type) || type === "boolean" ? 132 : 168}px, 1fr)`;
}

function Head({ column }: { column: Column }) {
  const { t } = useTranslation();
  const name = typeof column === "string" ? column : column.name;
  const shape = typeof column === "string" ? [] : shapeOf(column);
  return (
    <div role="columnheader" className="flex min-w-0 flex-col gap-1 px-3 py-2">
      <span className="truncate text-sm font-medium" title={name}>
        {name}
      </span>
      <span className="block h-6.5">
        {shape.length ? <MiniHistogram counts={shape} label={t("chart.distribution", { name })} /> : null}
      </span>
      <span className="num block min-h-4 truncate text-xs text-fg-3">
        {typeof column === "string" ? "" : <Gist column={column} />}
      </span>
    </div>
  );
}

function Gist({ column }: { column: ColumnProfile }) {
  const { t } = useTranslation();
  if (column.mean !== null && isNumber(column.type)) return <>{t("profile.meanIs", { mean: figure(column.mean) })}</>;
  return <>{t("profile.values", { amount: short(column.distinct) })}</>;
}

function Value({ value, column }: { value: unknown; column: Column }) {
  const right = typeof column !== "string" && isNumber(column.type);
  const missing = value === null || value === undefined;
  return (
    <div
      role="cell"
      className={cn("flex min-w-0 items-center px-3 text-sm", right && "mono justify-end", missing && "text-fg-3")}
      title={typeof value === "string" ? value : undefined}
    >
      <span className="truncate">
        {missing ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value)}
      </span>
    </div>
  );
}
