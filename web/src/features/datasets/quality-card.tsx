import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { figure, percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Cell, HeadCell, Table } from "@/ui/table";
import { StateBadge } from "../state-badge";

/** The data-quality score with its formula and what each check adds; nothing where no checks have run. */
export function QualityCard({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const { data } = useQuery({
    ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/quality", { params: { path: { org, name } } }),
    staleTime: 0,
  });
  if (data?.score == null) return null;
  return (
    <section className="card mt-4 px-4 py-3">
      <h2 className="flex flex-wrap items-center gap-2 text-base font-semibold">
        <span className="num">{t("quality.score", { score: figure(data.score) })}</span>
        {data.state ? <StateBadge state={data.state} /> : null}
      </h2>
      <details className="mt-1 text-sm">
        <summary className="w-fit cursor-pointer text-fg-2 hover:text-fg pointer-coarse:py-3">
          {t("quality.formula")}
        </summary>
        <p className="mt-2 max-w-[68ch] text-fg-2">{inWords(data.formula)}</p>
        <Table label={t("quality.formula")} className="mt-2">
          <thead>
            <tr>
              <HeadCell>{t("check.check")}</HeadCell>
              <HeadCell>{t("check.result")}</HeadCell>
              <HeadCell right>{t("quality.weight")}</HeadCell>
              <HeadCell right>{t("quality.credit")}</HeadCell>
            </tr>
          </thead>
          <tbody>
            {data.terms.map((term) => (
              <tr key={term.check_id}>
                <Cell className="mono break-all">{term.name}</Cell>
                <Cell>
                  <StateBadge state={term.status} />
                </Cell>
                <Cell right>{figure(term.weight)}</Cell>
                <Cell right>{percent(term.credit)}</Cell>
              </tr>
            ))}
          </tbody>
        </Table>
      </details>
    </section>
  );
}
