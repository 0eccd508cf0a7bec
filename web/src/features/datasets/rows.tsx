import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, SearchX } from "lucide-react";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { saidBy } from "@/api/problem";
import { count, figure, short } from "@/i18n/format";
import { BareButton } from "@/ui/button";
import { MiniHistogram } from "@/ui/charts/mini";
import { cn } from "@/ui/cn";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { DownloadMenu } from "./download-menu";
import { type ColumnProfile, isNumber, profileQuery, shapeOf } from "./profile";
import { RowFilters } from "./row-filters";
import { type Filter, nextSort, pageRows, pagesOf } from "./row-query";
import { useFirstRows, useRows } from "./use-rows";

/** Higher than that no browser lets a page be. */
const ROWS_SHOWN_MAX = 500_000;
const ROW_PX = 34;
const PLACE_WIDTH = "4.5rem";

type Column = Api["ColumnOut"];
type Props = {
  org: string;
  name: string;
  version: number;
  columns: Column[];
  sort: string | undefined;
  filters: Filter[];
  onAsk: (asked: { sort: string | undefined; filters: Filter[] }) => void;
};

/** The rows of a version: filtered and ordered by the hub, and fetched as one comes to them. */
export default function Rows({ org, name, version, columns, sort, filters, onAsk }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const profile = useQuery(profileQuery(org, name, version)).data;
  const size = pageRows(columns.length || 1);
  const asked = { org, name, version, sort, filters };
  const first = useFirstRows(asked, size);
  const matching = first.data?.matching ?? 0;
  const rows = Math.min(matching, ROWS_SHOWN_MAX);
  const virtual = useVirtualizer({
    count: rows,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  const shown = virtual.getVirtualItems();
  const pages = pagesOf(shown[0]?.index ?? 0, shown.at(-1)?.index ?? -1, size);
  const { rowAt, problem } = useRows(asked, size, pages, first.data);
  const ask = (next: { sort?: string | undefined; filters?: Filter[] }) => {
    virtual.scrollToOffset(0);
    onAsk({ sort, filters, ...next });
  };
  const grid = { gridTemplateColumns: [PLACE_WIDTH, ...columns.map((column) => widthOf(column.type))].join(" ") };
  if (!first.data && !first.error) return <Skeleton className="h-[38rem] rounded-lg" />;
  return (
    <>
      <div className="flex flex-wrap items-start justify-between gap-x-4">
        <RowFilters columns={columns} filters={filters} onChange={(next) => ask({ filters: next })} />
        <div className="mb-3 sm:pt-6">
          <DownloadMenu org={org} name={name} version={version} />
        </div>
      </div>
      {first.error ? <Failed error={first.error} retry={() => void first.refetch()} /> : null}
      {problem ? (
        <Note tone="bad" className="mb-3">
          {saidBy(problem)}
        </Note>
      ) : null}
      {first.data && !first.error ? (
        <section className="card overflow-hidden">
          <div
            ref={box}
            tabIndex={0}
            role="region"
            aria-label={t("dataset.tab.data")}
            aria-busy={first.isFetching}
            className="max-h-[34rem] overflow-auto"
          >
            <div
              role="table"
              aria-rowcount={rows + 1}
              aria-label={t("rows.label", { number: version })}
              className="w-max min-w-full"
            >
              <div
                role="row"
                aria-rowindex={1}
                style={grid}
                className="sticky top-0 z-10 grid border-b border-line bg-surface"
              >
                <div role="columnheader" className="px-3 py-2 text-right text-xs text-fg-3">
                  {t("rows.row")}
                </div>
                {columns.map((column) => (
                  <Head
                    key={column.name}
                    column={column}
                    profile={profile?.columns.find((one) => one.name === column.name)}
                    sort={sort}
                    onSort={() => ask({ sort: nextSort(sort, column.name) })}
                  />
                ))}
              </div>
              <div className="relative" style={{ height: virtual.getTotalSize() }}>
                {shown.map((item) => {
                  const row = rowAt(item.index);
                  return (
                    <div
                      key={item.key}
                      role="row"
                      aria-rowindex={item.index + 2}
                      className="absolute inset-x-0 grid h-8.5 border-b border-line"
                      style={{ ...grid, transform: `translateY(${item.start}px)` }}
                    >
                      <div role="rowheader" className="num flex items-center justify-end px-3 text-xs text-fg-3">
                        {row ? count(row.place) : "…"}
                      </div>
                      {columns.map((column, at) => (
                        <Value key={column.name} value={row ? row.values[at] : ""} type={column.type} />
                      ))}
                    </div>
                  );
                })}
              </div>
            </div>
          </div>
          {matching === 0 && filters.length ? (
            <Empty icon={SearchX} title={t("rows.none")}>
              {t("rows.noneText")}
            </Empty>
          ) : null}
          <p className="num border-t border-line px-4 py-2 text-xs text-fg-3" aria-live="polite">
            {t("dataset.shownRows", { amount: count(matching), total: count(first.data.row_count) })}
            {matching > ROWS_SHOWN_MAX ? ` ${t("rows.cut", { amount: count(ROWS_SHOWN_MAX) })}` : ""}
          </p>
        </section>
      ) : null}
    </>
  );
}

const widthOf = (type: string) => `minmax(${isNumber(type) || type === "boolean" ? 132 : 168}px, 1fr)`;

type HeadProps = {
  column: Column;
  profile: ColumnProfile | undefined;
  sort: string | undefined;
  onSort: () => void;
};

function Head({ column, profile, sort, onSort }: HeadProps) {
  const { t } = useTranslation();
  const { name } = column;
  const shape = profile ? shapeOf(profile) : [];
  const rises = sort === name;
  const falls = sort === `-${name}`;
  const Arrow = falls ? ArrowDown : ArrowUp;
  return (
    <div
      role="columnheader"
      aria-sort={rises ? "ascending" : falls ? "descending" : "none"}
      className="flex min-w-0 flex-col gap-1 px-3 py-2"
    >
      <BareButton
        onClick={onSort}
        aria-label={t("rows.sort", { column: name })}
        title={name}
        className="flex min-w-0 items-center gap-1 text-left text-sm font-medium hover:text-accent-text pointer-coarse:min-h-8"
      >
        <span className="truncate">{name}</span>
        {rises || falls ? <Arrow size={13} aria-hidden className="shrink-0 text-accent-text" /> : null}
      </BareButton>
      <span className="block h-6.5">
        {shape.length ? <MiniHistogram counts={shape} label={t("chart.distribution", { name })} /> : null}
      </span>
      <span className="num block min-h-4 truncate text-xs text-fg-3">{profile ? <Gist column={profile} /> : ""}</span>
    </div>
  );
}

function Gist({ column }: { column: ColumnProfile }) {
  const { t } = useTranslation();
  if (column.mean !== null && isNumber(column.type)) return <>{t("profile.meanIs", { mean: figure(column.mean) })}</>;
  return <>{t("profile.values", { amount: short(column.distinct) })}</>;
}

function Value({ value, type }: { value: unknown; type: string }) {
  const missing = value === null || value === undefined;
  return (
    <div
      role="cell"
      className={cn(
        "flex min-w-0 items-center px-3 text-sm",
        isNumber(type) && "mono justify-end",
        missing && "text-fg-3",
      )}
      title={typeof value === "string" ? value : undefined}
    >
      <span className="truncate">
        {missing ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value)}
      </span>
    </div>
  );
}
