import { useQuery } from "@tanstack/react-query";
import { Link, type LinkProps } from "@tanstack/react-router";
import {
  ArrowRight,
  CircleCheck,
  CircleDashed,
  Database,
  FlaskConical,
  type LucideIcon,
  Rocket,
  ShieldCheck,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { count, figure } from "@/i18n/format";
import { cn } from "@/ui/cn";
import { metricName } from "../runs/metric-name";
import type { ChainSteps } from "./chain";

type Step = { icon: LucideIcon; name: string; text: string; facts: string; isDone: boolean; link: LinkProps };

/** The way of a table with what stands at each step: a link to it, or to where it is made. */
export function ChainStrip({ dataset, run, model }: ChainSteps) {
  const { t } = useTranslation();
  const checked = useChecked(dataset);
  const params = (address: string) => {
    const [org = "", name = ""] = address.split("/");
    return { org, name };
  };
  const steps: Step[] = [
    {
      icon: Database,
      name: t("chain.data"),
      text: t("chain.dataText"),
      facts: dataset ? `${dataset.address}@${dataset.version}` : "",
      isDone: dataset !== null,
      link: dataset
        ? { to: "/datasets/$org/$name", params: params(dataset.address), search: {} }
        : { to: "/datasets", search: { upload: true } },
    },
    {
      icon: ShieldCheck,
      name: t("chain.checks"),
      text: t("chain.checksText"),
      facts: checked ? t("chain.checksOf", { passed: count(checked.passed), all: count(checked.all) }) : "",
      isDone: checked !== null,
      link: dataset
        ? { to: "/datasets/$org/$name", params: params(dataset.address), search: { tab: "checks" } }
        : { to: "/datasets", search: {} },
    },
    {
      icon: FlaskConical,
      name: t("chain.model"),
      text: t("chain.modelText"),
      facts: run ? [run.target, run.score === null ? "" : scored(run)].filter(Boolean).join(" · ") : "",
      isDone: run?.state === "finished",
      link: run
        ? { to: "/runs/$id", params: { id: run.id } }
        : dataset
          ? { to: "/datasets/$org/$name", params: params(dataset.address), search: {} }
          : { to: "/runs", search: {} },
    },
    {
      icon: Rocket,
      name: t("chain.endpoint"),
      text: t("chain.endpointText"),
      facts: model ? `${model.address}@champion` : "",
      isDone: model !== null,
      link: model
        ? { to: "/models/$org/$name", params: params(model.address), search: {} }
        : run
          ? { to: "/runs/$id", params: { id: run.id } }
          : { to: "/models" },
    },
  ];
  return (
    <ol aria-label={t("chain.label")} className="card mb-4 grid grid-cols-1 divide-line max-md:divide-y md:grid-cols-4">
      {steps.map((step, index) => (
        <li key={step.name} className="relative min-w-0">
          <StepLink step={step} />
          {index < steps.length - 1 ? (
            <ArrowRight
              size={14}
              aria-hidden
              className="pointer-events-none absolute inset-y-0 -right-2 my-auto hidden text-fg-3 md:block"
            />
          ) : null}
        </li>
      ))}
    </ol>
  );
}

function StepLink({ step: { icon: Icon, name, text, facts, isDone, link } }: { step: Step }) {
  const { t } = useTranslation();
  const State = isDone ? CircleCheck : CircleDashed;
  return (
    <Link {...link} className="flex h-full items-center gap-3 rounded-lg px-4 py-3 hover:bg-hover">
      <span
        className={cn(
          "grid size-9 shrink-0 place-items-center rounded-md",
          isDone ? "bg-accent-soft text-accent-text" : "bg-hover text-fg-3",
        )}
      >
        <Icon size={17} aria-hidden />
      </span>
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-1.5 font-medium">
          {name}
          <State size={14} aria-hidden className={isDone ? "text-ok" : "text-fg-3"} />
          <span className="sr-only">{t(isDone ? "chain.done" : "chain.todo")}</span>
        </span>
        <span className="block truncate text-xs text-fg-2">{facts || text}</span>
      </span>
    </Link>
  );
}

const scored = (run: NonNullable<ChainSteps["run"]>) => `${metricName(run.metric ?? "")} ${figure(run.score ?? 0)}`;

/** How many checks the version passed when they ran last; null before that. */
function useChecked(dataset: ChainSteps["dataset"]): { passed: number; all: number } | null {
  const [org = "", name = ""] = dataset?.address.split("/") ?? [];
  const path = { org, name, number: dataset?.version as never };
  const last = useQuery({
    ...api.queryOptions("get", "/api/v1/datasets/{org}/{name}/versions/{number}/check-runs", {
      params: { path, query: { limit: 1 } },
    }),
    enabled: dataset !== null,
  });
  const id = last.data?.items[0]?.id ?? "";
  const one = useQuery({
    ...api.queryOptions("get", "/api/v1/check-runs/{check_run_id}", { params: { path: { check_run_id: id } } }),
    enabled: id !== "",
  });
  const results = one.data?.results;
  if (!results?.length) return null;
  return { passed: results.filter((result) => result.status === "passed").length, all: results.length };
}
