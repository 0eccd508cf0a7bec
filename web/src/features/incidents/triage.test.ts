import { expect, test } from "vitest";
import { forEachOf, nextRow, stepOf, toggled } from "./triage";

const key = (name: string, held = {}) => ({ key: name, ctrlKey: false, metaKey: false, altKey: false, ...held });

test("letters and arrows go through the list and act on a row", () => {
  expect(["j", "K", "a", "r", "S", "ArrowDown"].map((name) => stepOf(key(name)))).toEqual([
    "down",
    "up",
    "acknowledge",
    "resolve",
    "snooze",
    "down",
  ]);
});

test("what is pressed with another key is the browser's", () => {
  expect(stepOf(key("r", { ctrlKey: true }))).toBeNull();
  expect(stepOf(key("s", { metaKey: true }))).toBeNull();
  expect(stepOf(key("Enter"))).toBeNull();
});

test("nobody leaves the list by its ends", () => {
  expect([nextRow(-1, "down", 3), nextRow(2, "down", 3), nextRow(0, "up", 3), nextRow(-1, "down", 0)]).toEqual([
    0, 2, 0, -1,
  ]);
});

test("several are chosen one by one, and one that has left the list is chosen no more", () => {
  expect([...toggled(new Set(["a"]), "b", ["a", "b", "c"])]).toEqual(["a", "b"]);
  expect([...toggled(new Set(["a", "b"]), "b", ["a", "b"])]).toEqual(["a"]);
  expect([...toggled(new Set(["gone"]), "a", ["a", "b"])]).toEqual(["a"]);
});

test("one that cannot be done keeps none of the others from being done", async () => {
  const seen: number[] = [];
  const problems = await forEachOf([1, 2, 3, 4, 5, 6], async (one) => {
    seen.push(one);
    if (one === 2) throw new Error("two");
  });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  expect(problems).toEqual([new Error("two")]);
});
