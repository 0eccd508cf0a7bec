import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { useHubWords } from "@/i18n/hub";
import { Badge, type Tone } from "@/ui/badge";
import { type Definition, wordsOf } from "./check-words";

/** What a file changes of a dataset's checks. */
export type Plan = {
  tool?: string;
  added: Definition[];
  changed: Api["ChangedCheck"][];
  dropped: Definition[];
  unchanged: number;
  left: Api["NotTaken"][];
};

/** What would be added, changed, dropped and left out, with why. */
export function ImportPlan({ plan }: { plan: Plan }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const { added, changed, dropped, unchanged, left } = plan;
  const changes: { key: string; tone: Tone; what: "added" | "changed" | "dropped"; words: string }[] = [
    ...dropped.map((one, at) => ({
      key: `d${at}`,
      tone: "bad" as const,
      what: "dropped" as const,
      words: wordsOf(one, t),
    })),
    ...changed.map((one) => ({
      key: `c${one.id}`,
      tone: "warn" as const,
      what: "changed" as const,
      words: t("checkImport.fromTo", { before: wordsOf(one.before, t), after: wordsOf(one.after, t) }),
    })),
    ...added.map((one, at) => ({ key: `a${at}`, tone: "ok" as const, what: "added" as const, words: wordsOf(one, t) })),
  ];
  return (
    <div className="space-y-4">
      <p className="text-sm text-fg-2" aria-live="polite">
        {plan.tool ? `${t("checkImport.tool", { tool: plan.tool })} ` : ""}
        {changes.length ? t("checkImport.would") : t("checkImport.nothing")}{" "}
        {unchanged ? t("checkImport.unchanged", { count: unchanged }) : ""}
      </p>
      {changes.length ? (
        <ul aria-label={t("checkImport.would")} className="divide-y divide-line rounded-md border border-line">
          {changes.map(({ key, tone, what, words }) => (
            <li key={key} className="flex items-baseline gap-3 px-3 py-2">
              <Badge tone={tone}>{t(`checkImport.${what}`)}</Badge>
              <span className="min-w-0 break-words">{words}</span>
            </li>
          ))}
        </ul>
      ) : null}
      {left.length ? (
        <section>
          <h3 className="mb-1 text-sm font-semibold">{t("checkImport.left", { count: left.length })}</h3>
          <ul className="divide-y divide-line rounded-md border border-line text-sm">
            {left.map((one, at) => (
              <li key={at} className="px-3 py-2">
                <p className="font-medium break-words">{one.what}</p>
                <p className="break-words text-fg-2">{inWords(one.why)}</p>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
    </div>
  );
}
