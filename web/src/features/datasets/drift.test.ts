import { expect, test } from "vitest";
import { densities } from "@/ui/charts/overlay";
import { comparable, effects, sharesOf } from "./drift";
import type { ColumnProfile, TableProfile } from "./profile";

const column = (name: string, type: string, more: Partial<ColumnProfile> = {}): ColumnProfile => ({
  ...{ name, type, missing: 0, missing_fraction: 0, distinct: 3, distinct_is_exact: true },
  ...{ min: null, max: 3, mean: null, std: null, histogram: null, top_values: [] },
  ...more,
});
const table = (...columns: ColumnProfile[]): TableProfile => ({ rows: 10, duplicate_rows: 0, columns });

test("what has another type, is long text, is masked, or no number where one is needed is not compared", () => {
  const now = table(
    column("a", "integer"),
    column("b", "float"),
    column("city", "string"),
    column("note", "string", { distinct: 5000 }),
    column("at", "timestamp"),
    column("new", "integer"),
    column("salary", "integer", { max: null }),
  );
  const before = table(
    column("a", "string"),
    column("b", "float"),
    column("city", "string"),
    column("note", "string"),
    column("salary", "integer"),
  );
  expect(comparable(now, before, "psi")).toEqual(["b", "city"]);
  expect(comparable(now, before, "ks")).toEqual(["b"]);
});

test("effect sizes come largest first, and belong to columns whose names have dots too", () => {
  const metrics = { failing: 1, "psi.temp": 0.1, "psi.a.b": 0.5, "q_value.temp": 0.01 };
  expect(effects(metrics, "psi")).toEqual([
    { column: "a.b", effect: 0.5 },
    { column: "temp", effect: 0.1 },
  ]);
});

test("a value that one version does not list has no share there, and missing values count in neither", () => {
  const now = column("c", "string", { missing: 2, top_values: [{ value: "x", count: 4 }] });
  const before = column("c", "string", { top_values: [{ value: "y", count: 5 }] });
  expect(sharesOf(now, before, { now: 10, before: 10 }, 5)).toEqual([
    { value: "x", now: 0.5, before: null },
    { value: "y", now: null, before: 0.5 },
  ]);
});

test("bins of twice the width are half as high, so that areas compare", () => {
  expect(densities({ name: "", edges: [0, 1, 3], counts: [1, 1] })).toEqual([0.5, 0.25]);
  expect(densities({ name: "", edges: [2, 2], counts: [3] })).toEqual([1]);
});
