import type { Api } from "@/api/client";

type Run = Pick<Api["Run"], "id" | "state" | "dataset" | "dataset_version" | "target" | "metric" | "score">;
type Dataset = Pick<Api["Dataset"], "address" | "latest_version">;
type Model = Pick<Api["Model"], "address" | "aliases">;
type Lists = { datasets: Dataset[]; runs: Run[]; models: Model[] };

/** How far a table has come: what stands at each step, null for a step that is to be done. */
export type ChainSteps = {
  dataset: { address: string; version: number } | null;
  run: Run | null;
  model: { address: string; version: number } | null;
};

/** The way of the table that has come furthest; lists come newest first. */
export function chainOf({ datasets, runs, models }: Lists): ChainSteps {
  const model = models.find((one) => "champion" in one.aliases);
  const run = runs.find((one) => one.state === "finished") ?? runs.find((one) => one.state !== "failed") ?? null;
  const filled = datasets.find((one) => one.latest_version !== null);
  const dataset = run
    ? { address: run.dataset, version: run.dataset_version }
    : filled
      ? { address: filled.address, version: filled.latest_version as number }
      : null;
  return { dataset, run, model: model ? { address: model.address, version: model.aliases.champion as number } : null };
}

const NEW_DATASETS_MAX = 1;
const NEW_RUNS_MAX = 3;

/** Whether little more than a sample is here, so that a reader wants to be shown the way. */
export const isNewHub = ({ datasets, runs, models }: Lists) =>
  datasets.length <= NEW_DATASETS_MAX && models.length <= 1 && runs.length <= NEW_RUNS_MAX;
