import { useTranslation } from "react-i18next";
import { count, figure, percent, short } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { Bars } from "@/ui/charts/bars";
import { Histogram } from "@/ui/charts/histogram";
import { type Counted, Overlay } from "@/ui/charts/overlay";
import { Cell, HeadCell, Table } from "@/ui/table";
import { sharesOf } from "./drift";
import type { ColumnProfile } from "./profile";

const TOP_SHOWN = 7;

/** The same column of another version. */
export type Other = { column: ColumnProfile; rows: number; number: number };
type Props = { column: ColumnProfile; rows: number; number: number; against: number | null; other: Other | null };

/** A column with its shape, values and missing share; beside those of another version where one is chosen. */
export function ColumnCard({ column, rows, number, against, other }: Props) {
  const { t } = useTranslation();
  return (
    <Card
      title={<span className="mono">{column.name}</span>}
      actions={
        <>
          {against && !other ? <Badge tone="accent">{t("drift.new", { number })}</Badge> : null}
          <Badge>{column.type}</Badge>
        </>
      }
    >
      <Facts column={column} other={other?.column ?? null} />
      <Forms column={column} />
      {other && other.column.type === column.type ? (
        <Both column={column} rows={rows} number={number} other={other} />
      ) : (
        <Shape column={column} />
      )}
    </Card>
  );
}

function Facts({ column, other }: { column: ColumnProfile; other: ColumnProfile | null }) {
  const { t } = useTranslation();
  const distinct = (of: ColumnProfile) => (of.distinct_is_exact ? "" : "≈ ") + short(of.distinct);
  const number = (name: "mean" | "std") => (of: ColumnProfile) => (of[name] === null ? "" : figure(of[name]));
  const facts: [string, (of: ColumnProfile) => string][] = [
    [t("profile.missing"), (of) => percent(of.missing_fraction)],
    [t("profile.distinct"), distinct],
    [t("profile.mean"), number("mean")],
    [t("profile.std"), number("std")],
    [t("profile.median"), (of) => (of.quantiles?.["0.5"] === undefined ? "" : figure(of.quantiles["0.5"]))],
    [t("profile.middle"), middleOf],
    [t("profile.length"), (of) => (typeof of.length_mean === "number" ? figure(of.length_mean) : "")],
  ];
  return (
    <dl className="mb-3 flex flex-wrap gap-x-5 gap-y-1 text-sm">
      {facts.map(([label, of]) => {
        const [after, before] = [of(column), other ? of(other) : ""];
        if (!after) return null;
        return (
          <div key={label} className="flex gap-1.5">
            <dt className="text-fg-3">{label}</dt>
            <dd className="num font-medium">
              {before && before !== after ? t("drift.wasIs", { before, after }) : after}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

const SHAPES_SHOWN = 3;
const FORMS = [
  "uuid",
  "email",
  "url",
  "ipv4",
  "mac",
  "iso_timestamp",
  "iso_date",
  "day_first_date",
  "month_first_date",
  "compact_date",
  "time_of_day",
  "digits",
] as const;

/** Between which values nine of ten lie. */
function middleOf({ quantiles }: ColumnProfile): string {
  const [low, high] = [quantiles?.["0.05"], quantiles?.["0.95"]];
  return low === undefined || high === undefined ? "" : `${figure(low)} – ${figure(high)}`;
}

/** What forms the texts of a column have, and whether its values go one way. */
function Forms({ column }: { column: ColumnProfile }) {
  const { t } = useTranslation();
  const patterns = column.patterns ?? [];
  const shapes = (column.shapes ?? []).slice(0, SHAPES_SHOWN);
  if (!column.order && !patterns.length && !shapes.length) return null;
  return (
    <div className="mb-3 flex flex-wrap gap-1.5">
      {column.order ? <Badge>{t(`profile.order.${column.order}`)}</Badge> : null}
      {patterns.map(({ name, fraction }) => {
        const form = FORMS.find((one) => one === name);
        const said = form ? t(`profile.form.${form}`) : name;
        return (
          <Badge key={name}>{fraction === 1 ? said : t("profile.share", { share: percent(fraction), said })}</Badge>
        );
      })}
      {shapes.map(({ shape }) => (
        <Badge key={shape} title={t("profile.shape")} className="mono max-w-48 truncate">
          {shape}
        </Badge>
      ))}
    </div>
  );
}

const dayOf = (edge: number) => new Date(edge).toISOString().slice(0, 10);

/** A histogram with edges that are numbers, days among them as milliseconds. */
function countedOf(column: ColumnProfile, name: string): (Counted & { isDated: boolean }) | null {
  if (!column.histogram) return null;
  const isDated = !column.histogram.edges.every((edge) => typeof edge === "number");
  const edges = column.histogram.edges.map((edge) => (isDated ? Date.parse(String(edge)) : Number(edge)));
  return { name, edges, counts: column.histogram.counts, isDated };
}

function Shape({ column }: { column: ColumnProfile }) {
  const { t } = useTranslation();
  const counted = countedOf(column, column.name);
  if (counted) {
    const { edges, counts, isDated } = counted;
    return <Histogram name={column.name} edges={edges} counts={counts} {...(isDated ? { edgeText: dayOf } : {})} />;
  }
  if (!column.top_values.length) {
    return <p className="py-6 text-center text-sm text-fg-3">{t("profile.noShape")}</p>;
  }
  return (
    <Bars
      label={t("profile.frequent")}
      bars={column.top_values
        .slice(0, TOP_SHOWN)
        .map((one) => ({ name: String(one.value), value: one.count, text: count(one.count) }))}
    />
  );
}

function Both({ column, rows, number, other }: { column: ColumnProfile; rows: number; number: number; other: Other }) {
  const { t } = useTranslation();
  const now = countedOf(column, t("drift.version", { number }));
  const before = countedOf(other.column, t("drift.version", { number: other.number }));
  const versions = { before: other.number, after: number };
  if (now && before) {
    const edgeText = now.isDated ? dayOf : short;
    const most = ({ edges, counts }: Counted) => {
      const peak = counts.indexOf(Math.max(...counts));
      return `${edgeText(edges[peak] ?? 0)} – ${edgeText(edges[peak + 1] ?? 0)}`;
    };
    return (
      <Overlay
        label={t("drift.overlay", { name: column.name, ...versions })}
        description={t("drift.overlayText", { ...versions, most: most(now), mostBefore: most(before) })}
        now={now}
        before={before}
        rangeName={t("drift.range")}
        edgeText={edgeText}
      />
    );
  }
  const shares = sharesOf(column, other.column, { now: rows, before: other.rows }, TOP_SHOWN);
  if (!shares.length) return <p className="py-6 text-center text-sm text-fg-3">{t("profile.noShape")}</p>;
  const shown = (share: number | null) => (share === null ? "–" : percent(share));
  return (
    <Table label={t("drift.overlay", { name: column.name, ...versions })}>
      <thead>
        <tr>
          <HeadCell>{t("drift.value")}</HeadCell>
          <HeadCell right>{t("drift.version", { number: other.number })}</HeadCell>
          <HeadCell right>{t("drift.version", { number })}</HeadCell>
        </tr>
      </thead>
      <tbody>
        {shares.map((one) => (
          <tr key={one.value}>
            <Cell className="mono max-w-48 truncate">{one.value}</Cell>
            <Cell right>{shown(one.before)}</Cell>
            <Cell right>{shown(one.now)}</Cell>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
