import { expect, test } from "vitest";
import { chainOf, isNewHub } from "./chain";

const run = { id: "1", state: "finished", dataset: "main/flights", dataset_version: 2, target: "late" };
const scored = { ...run, metric: "roc_auc", score: 0.77 };

test("a new hub has everything to do", () => {
  expect(chainOf({ datasets: [], runs: [], models: [] })).toEqual({ dataset: null, run: null, model: null });
});

test("the data shown is what the run learned from", () => {
  const datasets = [{ address: "main/other", latest_version: 1 }];
  const steps = chainOf({ datasets, runs: [{ ...scored, state: "failed", id: "2" }, scored], models: [] });
  expect(steps.dataset).toEqual({ address: "main/flights", version: 2 });
  expect(steps.run?.id).toBe("1");
});

test("a dataset without a version is not yet data, and a model without a champion no endpoint", () => {
  const steps = chainOf({
    datasets: [{ address: "main/empty", latest_version: null }],
    runs: [],
    models: [{ address: "main/flights", aliases: {} }],
  });
  expect(steps).toEqual({ dataset: null, run: null, model: null });
});

test("a hub with several datasets is not new", () => {
  const datasets = [1, 2].map((number) => ({ address: `main/${number}`, latest_version: 1 }));
  expect(isNewHub({ datasets, runs: [], models: [] })).toBe(false);
});
