import i18n from "i18next";
import { beforeEach, expect, test } from "vitest";
import { bytes } from "./format";

beforeEach(() => void i18n.init({ lng: "en", resources: {} }));

test.each([
  [0, "0 B"],
  [1023, "1,023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [1_048_575, "1 MiB"],
  [62_400_000_000, "58.1 GiB"],
  [5 * 1024 ** 5, "5,120 TiB"],
])("%d bytes are %s", (value, shown) => expect(bytes(value)).toBe(shown));

test("a size is written as the language writes numbers", async () => {
  await i18n.changeLanguage("de");
  expect(bytes(1536)).toBe("1,5 KiB");
});
