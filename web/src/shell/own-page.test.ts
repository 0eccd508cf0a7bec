import { expect, test } from "vitest";
import { ownPage } from "./own-page";

test.each(["/", "/datasets?tab=checks", "/authorize?state=007&scope=openid"])("%s is a page of the hub", (to) => {
  expect(ownPage(to)).toBe(to);
});

test.each([
  undefined,
  7,
  "",
  "datasets",
  "//elsewhere.example",
  "/\\elsewhere.example",
  "\\\\elsewhere.example",
  "https://elsewhere.example/",
  "javascript:alert(1)",
  "/\t/elsewhere.example",
  "/..//elsewhere.example",
  "/.//elsewhere.example",
])("%s leads elsewhere", (to) => {
  expect(ownPage(to)).toBeUndefined();
});
