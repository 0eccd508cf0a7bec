import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { count } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Card } from "@/ui/card";
import { Note } from "@/ui/note";
import { StateBadge } from "../state-badge";
import type { Definition } from "./check-words";
import { FailingRows } from "./failing-rows";

const PAUSE_MS = 600;
type Props = { org: string; name: string; version: number; definition: Definition; isFilled: boolean };

/** What would come of a check on a sample of the version, once nothing more is typed for a moment. */
export function CheckTrial({ org, name, version, definition, isFilled }: Props) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const typed = isFilled ? JSON.stringify(definition) : "";
  const settled = useLater(typed);
  const query = useQuery({
    queryKey: ["check-trial", org, name, version, settled],
    enabled: settled !== "",
    retry: false,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { data } = await client.POST("/api/v1/datasets/{org}/{name}/checks/try", {
        params: { path: { org, name } },
        body: { definition: JSON.parse(settled) as Definition, version },
        signal,
      });
      return data as Api["Trial"];
    },
  });
  const trial = isFilled && !query.error ? query.data : undefined;
  const busy = isFilled && (query.isFetching || typed !== settled);
  return (
    <Card flush title={t("check.try")} actions={busy ? <StateBadge state="running" /> : null}>
      <div className="space-y-2 p-4" aria-live="polite">
        {isFilled && query.error ? <Note tone="bad">{saidBy(query.error)}</Note> : null}
        {trial ? (
          <>
            <p className="flex items-start gap-2">
              <StateBadge state={trial.result.status} />
              <span className="min-w-0 text-sm break-words">{inWords(trial.result.sentence)}</span>
            </p>
            <p className="num text-xs text-fg-3">
              {trial.is_sample
                ? t("check.tried", {
                    rows: count(trial.rows_tried),
                    total: count(trial.row_count),
                    ms: count(trial.milliseconds),
                  })
                : t("check.triedAll", { rows: count(trial.row_count), ms: count(trial.milliseconds) })}
            </p>
          </>
        ) : query.error && isFilled ? null : (
          <p className="text-sm text-fg-2">{t("check.tryWaiting")}</p>
        )}
      </div>
      {trial?.result.failing_rows.length ? <FailingRows rows={trial.result.failing_rows} /> : null}
    </Card>
  );
}

function useLater(value: string): string {
  const [later, setLater] = useState(value);
  useEffect(() => {
    const timer = setTimeout(setLater, PAUSE_MS, value);
    return () => clearTimeout(timer);
  }, [value]);
  return later;
}
