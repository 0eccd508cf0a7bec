import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { count, figure, percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Cell, HeadCell, Table } from "@/ui/table";
import { toast } from "@/ui/toast";
import { useLiveJob, usePollMs } from "../live-job";
import { isOver, StateBadge } from "../state-badge";

type Path = { org: string; name: string; version: number };

/** The odd rows that the newest search on a version found, and a button for another search. */
export default function OddRows(path: Path) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const { search, anew } = useNewestSearch(path);
  const begin = api.useMutation("post", "/api/v1/datasets/{org}/{name}/versions/{number}/odd-rows", {
    onSuccess: anew,
    onError: (error: unknown) => toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" }),
  });
  const params = { path: { org: path.org, name: path.name, number: path.version as never } };
  const runs = search !== null && !isOver(search.state);
  return (
    <Card
      flush
      className="mt-4"
      title={t("oddRows.title")}
      actions={
        <>
          {search ? <StateBadge state={search.state} /> : null}
          <Button busy={begin.isPending || runs} onClick={() => begin.mutate({ params, body: { rows: ROWS } })}>
            {t(search ? "oddRows.again" : "oddRows.find")}
          </Button>
        </>
      }
    >
      {search?.rows.length ? (
        <Found rows={search.rows} />
      ) : (
        <p className="max-w-[68ch] px-4 py-3 text-sm text-fg-2">
          {search?.error
            ? inWords(String(search.error.detail ?? search.error.title))
            : t(search?.state === "done" ? "oddRows.few" : "oddRows.none")}
        </p>
      )}
    </Card>
  );
}

function Found({ rows }: { rows: Api["OddRow"][] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  return (
    <Table label={t("oddRows.title")}>
      <thead>
        <tr>
          <HeadCell right className="pl-4">
            {t("oddRows.row")}
          </HeadCell>
          <HeadCell right>{t("oddRows.score")}</HeadCell>
          <HeadCell>{t("oddRows.why")}</HeadCell>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.row}>
            <Cell right className="pl-4">
              {count(row.row)}
            </Cell>
            <Cell right>{figure(row.score)}</Cell>
            <Cell>
              <ul>
                {row.columns.map((part) => (
                  <li key={part.column} className="break-words">
                    {t("oddRows.part", {
                      column: part.column,
                      value: shown(part.value) ?? t("oddRows.missing"),
                      share: percent(part.share),
                      usual: inWords(part.usual),
                    })}
                  </li>
                ))}
              </ul>
            </Cell>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function useNewestSearch({ org, name, version }: Path) {
  const pollMs = usePollMs();
  const params = { path: { org, name, number: version as never }, query: { limit: 1 } };
  const list = useQuery(
    api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions/{number}/odd-rows", { params }),
  );
  const id = list.data?.items[0]?.id ?? "";
  const one = useQuery({
    ...api.queryOptions("get", "/api/v1/odd-rows/{search_id}", { params: { path: { search_id: id } } }),
    enabled: id !== "",
    refetchInterval: (of) => (of.state.data && !isOver(of.state.data.state) ? pollMs : false),
  });
  const search = id && one.data ? one.data : null;
  useLiveJob(search && !isOver(search.state) ? search.job_id : null, () => void one.refetch());
  return { search, anew: () => void list.refetch() };
}

const shown = (value: string | number | null) => (typeof value === "number" ? figure(value) : value);
const ROWS = 20;
