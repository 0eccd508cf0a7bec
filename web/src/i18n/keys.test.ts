import { expect, test } from "vitest";
import adminDe from "./admin.de.json";
import adminEn from "./admin.en.json";
import dataDe from "./data.de.json";
import dataEn from "./data.en.json";
import commonDe from "./de.json";
import commonEn from "./en.json";
import incidentsDe from "./incidents.de.json";
import incidentsEn from "./incidents.en.json";

const de = { ...commonDe, ...adminDe, ...dataDe, ...incidentsDe };
const en = { ...commonEn, ...adminEn, ...dataEn, ...incidentsEn };

type Words = { [key: string]: string | Words };

function flat(words: Words, before = ""): [string, string][] {
  return Object.entries(words).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[before + key, value]] : flat(value, `${before}${key}.`),
  );
}

const blanks = (text: string) => [...new Set([...text.matchAll(/{{\s*(\w+)/g)].map((found) => found[1]))].sort();

test("both languages say the same things", () => {
  expect(flat(de).map(([key]) => key)).toEqual(flat(en).map(([key]) => key));
});

test("both languages fill in the same values", () => {
  const german = new Map(flat(de));
  for (const [key, text] of flat(en)) expect([key, blanks(german.get(key) ?? "")]).toEqual([key, blanks(text)]);
});

test("no text is empty", () => {
  for (const [key, text] of [...flat(en), ...flat(de)]) expect(text.trim(), key).not.toBe("");
});
