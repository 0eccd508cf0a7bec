import { useTranslation } from "react-i18next";
import { metricWords } from "@/features/datasets/metric-words";
import { count, figure } from "@/i18n/format";
import { Card } from "@/ui/card";

const KNOWN = ["rows_checked", "failing", "score", "threshold", "metrics", "aspect", "moved", "held_back"] as const;
const COUNTS: readonly string[] = ["rows_checked", "failing"];

/** The figures beside an incident. */
export function Facts({ evidence }: { evidence: Record<string, unknown> }) {
  const { t } = useTranslation();
  const facts = Object.entries(evidence).filter(([name]) => !name.endsWith("_id"));
  if (!facts.length) return null;
  const inWords = (value: unknown): string[] => {
    if (typeof value === "number") return [figure(value)];
    if (typeof value === "boolean") return [t(value ? "incident.yes" : "incident.no")];
    if (Array.isArray(value)) return value.flatMap(inWords);
    if (value === null || typeof value !== "object") return [String(value ?? "–")];
    if ("metric" in value && "value" in value) {
      return [`${metricWords(String(value.metric), t)}: ${inWords(value.value).join(", ")}`];
    }
    return Object.entries(value).map(([name, one]) => `${name}: ${inWords(one).join(", ")}`);
  };
  return (
    <Card title={t("incident.evidence")}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-sm">
        {facts.map(([name, value]) => {
          const known = KNOWN.find((one) => one === name);
          const lines = COUNTS.includes(name) && typeof value === "number" ? [count(value)] : inWords(value);
          return (
            <div key={name} className="contents">
              <dt className="text-fg-2">{known ? t(`incident.fact.${known}`) : name}</dt>
              <dd className="num min-w-0 text-right break-words">
                {lines.map((line) => (
                  <span key={line} className="block">
                    {line}
                  </span>
                ))}
              </dd>
            </div>
          );
        })}
      </dl>
    </Card>
  );
}
