import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { figure } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { BareButton, Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { TextField } from "@/ui/field";
import { Cell, HeadCell, Table } from "@/ui/table";
import { metricWords } from "./metric-words";

type Props = { metrics: Api["MetricListed"][]; shown: string | undefined; onMetric: (metric: string) => void };
const SHOWN = 15;

/** The watched metrics with their newest values, those that are odd first. */
export function MetricList({ metrics, shown, onMetric }: Props) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState("");
  const [all, setAll] = useState(false);
  const named = metrics.map((one) => ({ ...one, words: metricWords(one.metric, t) }));
  const found = named
    .filter((one) => one.words.toLowerCase().includes(asked.trim().toLowerCase()))
    .sort((a, b) => Number(b.is_odd) - Number(a.is_odd));
  const rows = all ? found : found.slice(0, SHOWN);
  return (
    <Card flush title={t("anomaly.metrics")}>
      <div className="p-4">
        <TextField
          type="search"
          label={t("anomaly.filter")}
          value={asked}
          onChange={(event) => setAsked(event.target.value)}
        />
      </div>
      <Table label={t("anomaly.metrics")}>
        <thead>
          <tr>
            <HeadCell>{t("anomaly.metric")}</HeadCell>
            <HeadCell right>{t("anomaly.latest")}</HeadCell>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.metric}>
              <Cell>
                <BareButton
                  aria-pressed={one.metric === shown}
                  onClick={() => onMetric(one.metric)}
                  className={one.metric === shown ? "font-medium text-accent-text" : "hover:underline"}
                >
                  {one.words}
                </BareButton>
                {one.is_odd ? (
                  <Badge tone="warn" className="ml-2">
                    {t("anomaly.odd")}
                  </Badge>
                ) : null}
              </Cell>
              <Cell right>{one.value === null ? "–" : figure(one.value)}</Cell>
            </tr>
          ))}
        </tbody>
      </Table>
      {found.length > rows.length ? (
        <div className="p-3 text-center">
          <Button kind="ghost" onClick={() => setAll(true)}>
            {t("anomaly.more", { count: found.length - rows.length })}
          </Button>
        </div>
      ) : null}
    </Card>
  );
}
