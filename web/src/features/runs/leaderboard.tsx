import { Trophy } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { duration, figure, percent } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Card } from "@/ui/card";
import { Cell, HeadCell, Table } from "@/ui/table";
import { isOver } from "../state-badge";
import { metricName } from "./metric-name";

/** What was tried, best first; the weight is a member's part in the answer. */
export function Leaderboard({ run }: { run: Api["Run"] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const better = run.greater_is_better === false ? 1 : -1;
  const members = [...run.leaderboard].sort((one, other) => better * (one.score - other.score));
  const left = Object.entries(run.columns_left_out);
  return (
    <Card flush title={t("run.leaderboard")}>
      {members.length ? (
        <Table label={t("run.leaderboard")}>
          <thead>
            <tr>
              <HeadCell className="pl-4">{t("run.member")}</HeadCell>
              <HeadCell right>{run.metric ? metricName(run.metric) : t("run.score")}</HeadCell>
              <HeadCell right>{t("run.weight")}</HeadCell>
              <HeadCell right className="pr-4">
                {t("run.took")}
              </HeadCell>
            </tr>
          </thead>
          <tbody>
            {members.map((member, index) => (
              <tr key={member.name} className="appear">
                <Cell className="pl-4">
                  <span className="flex items-center gap-2 font-medium whitespace-nowrap">
                    {member.name}
                    {index === 0 ? <Trophy size={14} aria-label={t("run.best")} className="text-warn" /> : null}
                  </span>
                  {member.note ? <span className="block text-xs text-fg-3">{inWords(member.note)}</span> : null}
                </Cell>
                <Cell right>{figure(member.score)}</Cell>
                <Cell right>{member.weight > 0 ? percent(member.weight) : "–"}</Cell>
                <Cell right className="pr-4">
                  {duration(member.fit_seconds)}
                </Cell>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : (
        <p className="px-4 py-6 text-center text-fg-3">
          {isOver(run.state) ? t("run.noMembers") : t("run.noMembersYet")}
        </p>
      )}
      {left.length ? (
        <details className="border-t border-line px-4 py-2.5 text-sm">
          <summary className="w-fit cursor-pointer text-fg-2">{t("run.leftOut", { amount: left.length })}</summary>
          <ul className="mt-2 space-y-1">
            {left.map(([column, reason]) => (
              <li key={column}>
                <span className="mono">{column}</span> <span className="text-fg-2">{inWords(reason)}</span>
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </Card>
  );
}
