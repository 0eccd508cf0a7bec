import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleAlert, CircleCheck, CircleDashed, Radar, RefreshCw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { saidBy } from "@/api/problem";
import { useLiveJob } from "@/features/live-job";
import { ago, count, figure } from "@/i18n/format";
import { useHubWords } from "@/i18n/hub";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { cn } from "@/ui/cn";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

type Props = { org: string; name: string };
type Watched = Api["WatchedVersion"];
type Finding = Api["WatchFinding"];

const ASPECTS = ["missing", "unseen", "inputs", "answers"] as const;
const MOVED_SHOWN = 6;

export default function ModelWatch({ org, name }: Props) {
  const { t } = useTranslation();
  const [job, setJob] = useState<string | null>(null);
  const query = useQuery({
    ...api.queryOptions("get", "/api/v1/models/{org}/{name}/watch", { params: { path: { org, name } } }),
    refetchInterval: 15_000,
  });
  const takeUp = api.useMutation("post", "/api/v1/models/{org}/{name}/watch", {
    onSuccess: (made) => {
      setJob(made.job_id);
      toast(t("model.watch.takenUp"));
    },
    onError: (error) => toast(saidBy(error), { tone: "bad" }),
  });
  useLiveJob(job, () => void query.refetch());
  if (query.error && !query.data) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows />;
  const again = (
    <Button busy={takeUp.isPending} onClick={() => takeUp.mutate({ params: { path: { org, name } } })}>
      <RefreshCw size={14} aria-hidden />
      {t("model.watch.takeUp")}
    </Button>
  );
  if (query.data.items.length === 0) {
    return (
      <Empty icon={Radar} title={t("model.watch.none")} action={again}>
        {t("model.watch.noneText")}
      </Empty>
    );
  }
  return (
    <div className="space-y-4">
      {query.data.items.map((item, place) => (
        <WatchedCard key={item.version} item={item} actions={place === 0 ? again : null} />
      ))}
    </div>
  );
}

function WatchedCard({ item, actions }: { item: Watched; actions: React.ReactNode }) {
  const { t } = useTranslation();
  const [org = "", name = ""] = item.dataset.split("/");
  const verdict = item.verdict;
  return (
    <Card title={t("dataset.version", { number: item.version })} actions={actions} flush>
      <p className="flex flex-wrap gap-x-4 gap-y-1 px-4 py-3 text-sm text-fg-2">
        <span>
          {verdict
            ? t("model.watch.judged", { rows: count(verdict.rows), when: ago(item.judged_at ?? "") })
            : t("model.watch.notYet")}
        </span>
        {item.dataset ? (
          <Link to="/datasets/$org/$name" params={{ org, name }} className="text-accent-text hover:underline">
            {t("model.watch.dataset")}
          </Link>
        ) : null}
      </p>
      {verdict ? (
        <ul className="divide-y divide-line border-t border-line">
          {ASPECTS.map((aspect) => {
            const finding = verdict.findings.find((one) => one.aspect === aspect);
            return finding ? <FindingRow key={aspect} finding={finding} /> : null;
          })}
        </ul>
      ) : null}
    </Card>
  );
}

const LOOKS = {
  passed: { Icon: CircleCheck, tone: "text-ok" },
  failed: { Icon: CircleAlert, tone: "text-warn" },
  skipped: { Icon: CircleDashed, tone: "text-fg-3" },
} as const;

function FindingRow({ finding }: { finding: Finding }) {
  const { t } = useTranslation();
  const inWords = useHubWords();
  const status = finding.status === "passed" || finding.status === "failed" ? finding.status : "skipped";
  const { Icon, tone } = LOOKS[status];
  const shown = finding.moved.slice(0, MOVED_SHOWN);
  const most = Math.max(...shown.map((one) => one.figure), 1e-9);
  return (
    <li className="flex gap-3 px-4 py-3">
      <Icon size={18} aria-hidden className={cn("mt-0.5 shrink-0", tone)} />
      <div className="min-w-0 flex-1">
        <h3 className="font-medium">
          {t(`model.watch.aspect.${finding.aspect as (typeof ASPECTS)[number]}`)}
          <span className="sr-only">{`: ${t(`model.watch.status.${status}`)}`}</span>
        </h3>
        <p className="text-sm break-words text-fg-2">{inWords(finding.title || finding.sentence)}</p>
        {shown.length > 0 ? (
          <ul className="mt-2 max-w-xl space-y-1" aria-label={t("model.watch.moved")}>
            {shown.map((one) => (
              <li key={one.column} className="grid grid-cols-[minmax(5rem,10rem)_1fr_4rem] items-center gap-3 text-sm">
                <span className="truncate" title={one.column}>
                  {one.column}
                </span>
                <span className="h-1.5 overflow-hidden rounded-full bg-hover" aria-hidden>
                  <span
                    className="block h-full rounded-full bg-(--c2)"
                    style={{ width: `${(100 * one.figure) / most}%` }}
                  />
                </span>
                <span className="num text-right text-fg-2">{figure(one.figure)}</span>
              </li>
            ))}
          </ul>
        ) : null}
      </div>
    </li>
  );
}
