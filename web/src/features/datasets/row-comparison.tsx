import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { count, percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Progress } from "@/ui/progress";
import { Stat } from "@/ui/stat";
import { Cell, HeadCell, Table } from "@/ui/table";
import { useLiveJob, usePollMs } from "../live-job";
import { isOver } from "../state-badge";

type Diff = Api["Diff"];
type Result = Api["DiffResult"];
type Props = { id: string; org: string; name: string; onClose: () => void };
const SAMPLED = ["added", "removed", "changed"] as const;

/** What differs between the rows of two versions, or how far the hub is with finding it out. */
export function RowComparison({ id, org, name, onClose }: Props) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const pollMs = usePollMs();
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/dataset-diffs/{diff_id}", { params: { path: { diff_id: id } } }),
    refetchInterval: (of) => (of.state.error || (of.state.data && isOver(of.state.data.state)) ? false : pollMs),
  });
  const diff = query.data;
  const goesOn = diff !== undefined && !isOver(diff.state);
  const progress = useLiveJob(goesOn ? diff.job_id : null, () => void query.refetch());
  if (query.error && !diff) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <Card
      title={diff ? t("compare.of", { before: diff.before, after: diff.after }) : t("compare.title")}
      actions={
        <>
          {diff?.result ? (
            <Link
              to="/datasets/$org/$name"
              params={{ org, name }}
              search={{ tab: "profile", version: diff.after, against: diff.before }}
              className={buttonClass()}
            >
              {t("compare.profiles")}
            </Link>
          ) : null}
          <Button onClick={onClose}>{t("action.close")}</Button>
        </>
      }
    >
      {diff?.result ? (
        <Found diff={diff} result={diff.result} />
      ) : diff?.state === "failed" ? (
        <Note tone="bad">{inWords(String(diff.error?.detail ?? diff.error?.title ?? t("failed.unknown")))}</Note>
      ) : (
        <>
          <div className="mb-2 flex items-baseline justify-between gap-3 text-sm">
            <span aria-live="polite">{inWords(progress?.note ?? "") || t("compare.underWay")}</span>
            <span className="num text-fg-2">{progress ? percent(progress.fraction) : ""}</span>
          </div>
          <Progress label={t("compare.underWay")} fraction={progress ? progress.fraction : null} />
        </>
      )}
    </Card>
  );
}

function Found({ diff, result }: { diff: Diff; result: Result }) {
  const { t } = useTranslation();
  const { columns, rows } = result;
  const shareOf = (amount: number, rows: number, number: number) =>
    rows ? t("compare.share", { share: percent(amount / rows), number }) : undefined;
  const sameColumns = !(columns.added.length || columns.removed.length || columns.changed.length);
  const byColumn = Object.entries(rows.changed_by_column).sort(([, one], [, other]) => other - one);
  return (
    <div className="space-y-5">
      <p className="text-sm text-fg-2">
        {diff.key.length ? t("compare.byKey", { columns: diff.key.join(", ") }) : t("compare.wholeRows")}
      </p>
      <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat
          label={t("compare.rows")}
          value={t("compare.fromTo", counts(rows.before, rows.after))}
          note={t("compare.inAll")}
        />
        <Stat
          label={t("compare.kinds.added")}
          value={count(rows.added)}
          note={shareOf(rows.added, rows.after, diff.after)}
        />
        <Stat
          label={t("compare.kinds.removed")}
          value={count(rows.removed)}
          note={shareOf(rows.removed, rows.before, diff.before)}
        />
        <Stat
          label={t("compare.kinds.changed")}
          value={rows.changed === null ? "–" : count(rows.changed)}
          note={rows.changed === null ? t("compare.needsKey") : shareOf(rows.changed, rows.after, diff.after)}
        />
      </dl>
      <Part title={t("compare.columns")}>
        {sameColumns ? (
          <p className="text-sm text-fg-2">{t("compare.sameColumns")}</p>
        ) : (
          <ul className="space-y-1 text-sm break-words">
            {columns.added.map((column) => (
              <li key={`+${column}`}>{t("compare.columnAdded", { column })}</li>
            ))}
            {columns.removed.map((column) => (
              <li key={`-${column}`}>{t("compare.columnRemoved", { column })}</li>
            ))}
            {columns.changed.map(({ name: column, before, after }) => (
              <li key={`~${column}`}>{t("compare.columnChanged", { column, before, after })}</li>
            ))}
          </ul>
        )}
      </Part>
      {byColumn.length ? (
        <Part title={t("compare.changedByColumn")}>
          <Table label={t("compare.changedByColumn")}>
            <thead>
              <tr>
                <HeadCell>{t("rows.column")}</HeadCell>
                <HeadCell right>{t("compare.kinds.changed")}</HeadCell>
              </tr>
            </thead>
            <tbody>
              {byColumn.map(([column, amount]) => (
                <tr key={column}>
                  <Cell className="break-words">{column}</Cell>
                  <Cell right>{count(amount)}</Cell>
                </tr>
              ))}
            </tbody>
          </Table>
        </Part>
      ) : null}
      <div className="grid gap-5 lg:grid-cols-3">
        {SAMPLED.map((kind) => (
          <Sample key={kind} title={t(`compare.first.${kind}`)} columns={diff.key} rows={rows.samples[kind] ?? []} />
        ))}
      </div>
    </div>
  );
}

const counts = (before: number, after: number) => ({ before: count(before), after: count(after) });

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-1.5 text-sm font-semibold">{title}</h3>
      {children}
    </section>
  );
}

/** The keys of the first rows that differ in one way. */
function Sample({ title, columns, rows }: { title: string; columns: string[]; rows: unknown[][] }) {
  if (!rows.length) return null;
  return (
    <Part title={title}>
      <Table label={title}>
        <thead>
          <tr>
            {columns.map((column) => (
              <HeadCell key={column}>{column}</HeadCell>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, place) => (
            <tr key={place}>
              {row.map((value, at) => (
                <Cell key={columns[at]} className="mono max-w-96 truncate">
                  {value === null ? "–" : String(value)}
                </Cell>
              ))}
            </tr>
          ))}
        </tbody>
      </Table>
    </Part>
  );
}
