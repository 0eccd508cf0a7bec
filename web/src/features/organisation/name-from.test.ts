import { expect, test } from "vitest";
import { nameFrom } from "./name-from";

test("a title becomes a name that stands in addresses", () => {
  expect(nameFrom("Météo & Forecasts")).toBe("meteo-forecasts");
  expect(nameFrom("  Größe Nord ")).toBe("groesse-nord");
  expect(nameFrom("北京")).toBe("");
  expect(nameFrom(`${"x".repeat(63)} y`)).toBe("x".repeat(63));
});
