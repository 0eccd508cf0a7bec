import { useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, CircleDashed } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { useHubWords } from "@/i18n/hub";

type Item = Api["StatusItem"];

export const useStatus = () => useQuery({ ...api.queryOptions("get", "/api/v1/admin/status"), staleTime: 60_000 });

const LOOKS = {
  ok: { icon: CircleCheck, tone: "text-ok" },
  attention: { icon: CircleAlert, tone: "text-warn" },
  missing: { icon: CircleDashed, tone: "text-fg-3" },
} as const;

/** What the hub has and what it lacks, each with what to do about it. */
export function StatusList({ items }: { items: Item[] }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  return (
    <ul className="divide-y divide-line">
      {items.map((item) => {
        const { icon: Icon, tone } = LOOKS[item.state];
        return (
          <li key={item.name} className="flex min-h-14 items-start gap-3 px-4 py-2.5">
            <Icon size={17} aria-hidden className={`mt-0.5 shrink-0 ${tone}`} />
            <span className="min-w-0">
              <span className="block font-medium">
                {t(`admin.has.${item.name}`)}
                <span className="sr-only">{`: ${t(`admin.state.${item.state}`)}`}</span>
              </span>
              <span className="block text-sm break-words text-fg-2">{inWords(item.says)}</span>
            </span>
          </li>
        );
      })}
    </ul>
  );
}
