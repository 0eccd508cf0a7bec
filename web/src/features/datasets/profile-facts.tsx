import { useState } from "react";
import { useTranslation } from "react-i18next";
import { count, figure } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Cell, HeadCell, Table } from "@/ui/table";
import type { Correlation, TableProfile } from "./profile";

const PAIRS_AT_FIRST = 5;

/** How many rows were looked at, and how many of them are there already. */
export function TableFacts({ profile }: { profile: TableProfile }) {
  const { t } = useTranslation();
  const every = profile.sampled_every ?? 1;
  return (
    <p className="num mb-4 flex flex-wrap gap-x-3 text-sm text-fg-2">
      <span>{t("profile.rows", { amount: count(profile.rows) })}</span>
      {profile.duplicate_rows === null ? null : (
        <span>{t("profile.duplicates", { amount: count(profile.duplicate_rows) })}</span>
      )}
      {every > 1 ? <span>{t("profile.sampled", { every: count(every) })}</span> : null}
    </p>
  );
}

/** Which columns of numbers go together, the strongest first. */
export function Correlations({ pairs }: { pairs: Correlation[] }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  if (!pairs.length) return null;
  return (
    <Card flush title={t("profile.correlations")} className="mt-4">
      <Table label={t("profile.correlations")}>
        <thead>
          <tr>
            <HeadCell className="pl-4">{t("profile.pair")}</HeadCell>
            <HeadCell right>{t("profile.pearson")}</HeadCell>
            <HeadCell right>{t("profile.spearman")}</HeadCell>
            <HeadCell right className="pr-4">
              {t("profile.pairRows")}
            </HeadCell>
          </tr>
        </thead>
        <tbody>
          {(all ? pairs : pairs.slice(0, PAIRS_AT_FIRST)).map((one) => (
            <tr key={`${one.left} ${one.right}`}>
              <Cell className="mono max-w-80 truncate pl-4">
                {one.left} · {one.right}
              </Cell>
              <Cell right>{figure(one.pearson)}</Cell>
              <Cell right>{figure(one.spearman)}</Cell>
              <Cell right className="pr-4">
                {count(one.rows)}
              </Cell>
            </tr>
          ))}
        </tbody>
      </Table>
      {all || pairs.length <= PAIRS_AT_FIRST ? null : (
        <div className="flex justify-center p-2">
          <Button kind="ghost" onClick={() => setAll(true)}>
            {t("profile.morePairs", { amount: count(pairs.length - PAIRS_AT_FIRST) })}
          </Button>
        </div>
      )}
    </Card>
  );
}
