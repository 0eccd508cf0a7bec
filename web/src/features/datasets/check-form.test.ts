import { expect, test } from "vitest";
import { begun, cleaned, isFilled, type Kind, type KindField, readField, writtenField } from "./check-form";
import { definitionOf, yamlOf } from "./check-yaml";

const field = (name: string, type: KindField["type"], more: Partial<KindField> = {}): KindField => ({
  name,
  type,
  required: false,
  default: null,
  choices: [],
  names_columns: false,
  about: "",
  ...more,
});
const RANGE: Kind = {
  kind: "range",
  about: "",
  by_rows: true,
  fields: [
    field("column", "text", { required: true, names_columns: true }),
    field("min", "number_or_text"),
    field("max", "number_or_text"),
    field("min_inclusive", "flag", { default: true }),
    field("at_most_failing", "number", { default: 0 }),
  ],
};
const SET = field("values", "values", { required: true });

test("what a check leaves as it is anyway is not written, and what nobody knows is", () => {
  const kept = {
    ...{ id: "temp.range", kind: "range", tags: [], owner: "", blocking: null, severity: "warning" },
    ...{ column: "temp", min: null, max: 0.5, min_inclusive: true, at_most_failing: 0, typo: 1 },
  };
  expect(Object.entries(cleaned(kept, RANGE))).toEqual([
    ["kind", "range"],
    ["column", "temp"],
    ["max", 0.5],
    ["id", "temp.range"],
    ["severity", "warning"],
    ["typo", 1],
  ]);
});

test("false is said where the default is true", () => {
  expect(cleaned({ kind: "range", column: "a", min_inclusive: false }, RANGE)).toMatchObject({ min_inclusive: false });
});

test("bounds and values are numbers where the column is one, and texts elsewhere", () => {
  const bound = field("min", "number_or_text");
  expect(readField(bound, "2024", "integer")).toBe(2024);
  expect(readField(bound, "2024", "string")).toBe("2024");
  expect(readField(bound, " ", "integer")).toBeUndefined();
  expect(readField(SET, "1\n 2 \n\nx", "integer")).toEqual([1, 2, "x"]);
  expect(readField(SET, "true\nfalse", "boolean")).toEqual([true, false]);
  expect(writtenField(SET, [1, "x"])).toBe("1\nx");
});

test("expected columns are read a line as they are written", () => {
  const columns = field("columns", "expected_columns");
  const value = [{ name: "arrival delay", type: "float" }, { name: "carrier" }];
  expect(readField(columns, writtenField(columns, value), undefined)).toEqual([
    { name: "arrival delay", type: "float" },
    { name: "carrier" },
  ]);
});

test("another kind keeps the column, and is tried once it has all it asks for", () => {
  const before = { kind: "not_null", column: "temp", severity: "warning", at_most_failing: 0.1 };
  const next = begun(RANGE, before, []);
  expect(next).toEqual({ kind: "range", column: "temp", severity: "warning" });
  expect(isFilled(next, RANGE)).toBe(true);
  expect(isFilled({ kind: "range" }, RANGE)).toBe(false);
  expect(isFilled(next, undefined)).toBe(false);
});

test("a definition is the same after a way through YAML", () => {
  const definition = { kind: "in_set", column: "a: b", values: ["yes", "1", 1, true], query: "SELECT 1\nFROM data\n" };
  expect(definitionOf(yamlOf(definition))).toEqual({ definition });
  expect(definitionOf("- kind: not_null\n  column: a\n")).toEqual({ definition: { kind: "not_null", column: "a" } });
});

test("what is no check says on which line, and aliases are not followed", () => {
  expect(definitionOf("kind: range\ncolumn: [a\n")).toMatchObject({ line: 3 });
  expect(definitionOf("just a text")).toEqual({ line: 0 });
  expect(definitionOf("kind: &a x\nb: *a\n")).toEqual({ line: 0 });
});
