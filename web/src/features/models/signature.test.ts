import { expect, test } from "vitest";
import { curlOf, type Input, pythonOf, rowOf } from "./signature";

const input = (name: string, type: Input["type"]): Input => ({
  name,
  type,
  required: false,
  example: null,
  choices: [],
});

test("a form's texts become what the columns hold, and an empty field is missing", () => {
  const inputs = [
    input("n", "integer"),
    input("x", "number"),
    input("b", "boolean"),
    input("c", "category"),
    input("d", "date"),
  ];
  expect(rowOf(inputs, { n: "4", x: "1.5", b: "false", c: "7", d: "" })).toEqual({
    n: 4,
    x: 1.5,
    b: false,
    c: "7",
    d: null,
  });
});

test("what is no number is sent as it is written, so that the hub can say what is wrong with it", () => {
  expect(rowOf([input("x", "number")], { x: "12,5" })).toEqual({ x: "12,5" });
});

test("Python has its own words for nothing and for truth", () => {
  expect(pythonOf("http://hub", "a/b", { x: null, y: true })).toContain('"x": None,\n    "y": True,');
});

test("a quote in a value does not end the shell's", () => {
  expect(curlOf("http://hub", { c: "it's" })).toContain(`it'\\''s`);
});
