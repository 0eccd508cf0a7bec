import { expect, test } from "vitest";
import { nextSort, opsOf, orderOf, pageRows, pagesOf, readFilters } from "./row-query";
import { readSearch } from "./search";

test("a column is ordered up, then down, then as the table has it", () => {
  expect(nextSort(undefined, "a")).toBe("a");
  expect(nextSort("a", "a")).toBe("-a");
  expect(nextSort("-a", "a")).toBeUndefined();
  expect(nextSort("-b", "a")).toBe("a");
  expect(orderOf("-delay")).toEqual({ column: "delay", descending: true });
  expect(orderOf(undefined)).toBeNull();
});

test("of an address only what can be asked is taken", () => {
  const where = [{ column: "a", op: "at_least", value: 3 }, { column: "a", op: "drop" }, "x", null, { op: "equals" }];
  expect(readFilters(where)).toEqual([{ column: "a", op: "at_least", value: "3" }]);
  expect(readFilters("a")).toEqual([]);
  expect(readSearch({ where, sort: "-a", tab: "data", version: -1 })).toEqual({
    where: [{ column: "a", op: "at_least", value: "3" }],
    sort: "-a",
  });
});

test("wide tables come in pages of fewer rows", () => {
  expect(pageRows(10)).toBe(100);
  expect(pageRows(5000)).toBe(10);
  expect(pageRows(100_000)).toBe(1);
  expect(pagesOf(95, 205, 100)).toEqual([0, 1, 2]);
  expect(pagesOf(0, -1, 100)).toEqual([]);
});

test("what is true or false is neither more nor less", () => {
  expect(opsOf("boolean")).toEqual(["equals", "differs", "is_missing", "is_present"]);
});
