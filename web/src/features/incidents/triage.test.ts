import { expect, test } from "vitest";
import { nextRow, stepOf } from "./triage";

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
