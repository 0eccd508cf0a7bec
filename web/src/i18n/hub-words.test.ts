import { expect, test } from "vitest";
import catalogue from "./hub.de.json";
import { translator } from "./hub-words";

const german = translator(catalogue);

test("a refusal is said in German with what it names", () => {
  expect(german("There is no dataset main/flights that you may read.")).toBe(
    "Es gibt keinen Datensatz main/flights, auf den Sie so zugreifen dürfen.",
  );
  expect(german("A password has 12 to 128 characters; this one has 3.")).toBe(
    "Ein Passwort hat 12 bis 128 Zeichen; dieses hat 3.",
  );
});

test("what nobody has put into German stays as it came", () => {
  expect(german("The moon is made of cheese.")).toBe("The moon is made of cheese.");
  expect(german("")).toBe("");
});

test("the sentence with more words of its own wins", () => {
  const say = translator({ "{} is {}.": "A {1} {2}", "{} is {} already.": "B {1} {2}" });
  expect(say("x is here already.")).toBe("B x here");
  expect(say("x is here.")).toBe("A x here");
});

test("a value is never taken for a pattern, nor a phrase of the hub's where it is a name", () => {
  expect(german("There is no group a number in (a+)+$1.")).toBe("In (a+)+$1 gibt es keine Gruppe a number.");
});

test("a sentence whose part has to be the hub's is none when the part is not", () => {
  expect(german("The sky is blue.")).toBe("The sky is blue.");
  expect(german("table.csv is a web page; download the table itself.")).toBe(
    "table.csv ist eine Webseite; laden Sie die Tabelle selbst herunter.",
  );
});

test("what checks found is said in German, numbers as Germans write them", () => {
  expect(german("27 of 18,000 rows have no wind_speed; first on row 54.")).toBe(
    "In 27 von 18.000 Zeilen fehlt wind_speed; zuerst in Zeile 54.",
  );
  expect(german("3 of 100 rows have age below 0 or above 90 (3 %, 5 % is tolerated); first on row 2 (line 3).")).toBe(
    "In 3 von 100 Zeilen liegt age unter 0 oder über 90 (3 %; 5 % sind erlaubt); zuerst in Zeile 2 (Dateizeile 3).",
  );
  expect(german("All 1,200 values of id are different.")).toBe("Alle 1.200 Werte von id sind verschieden.");
  expect(german("2 of 10 rows repeat the combination of a, b of an earlier row (4 rows share theirs).")).toBe(
    "In 2 von 10 Zeilen kommt die Kombination von a, b schon in einer früheren Zeile vor (4 Zeilen sind betroffen).",
  );
});

test("what is wrong with a field is said in German, in the summary too", () => {
  expect(german("String should have at least 3 characters")).toBe("Der Text muss mindestens 3 Zeichen haben");
  expect(german("body.name: Field required.")).toBe("body.name: Diese Angabe fehlt.");
});

test("a fact and its advice are put together again", () => {
  expect(german("every value of the target 'late' is missing; choose another column as the target.")).toBe(
    "Jeder Wert des Ziels 'late' fehlt; wählen Sie eine andere Spalte als Ziel.",
  );
});

test("no German sentence fills in what the English one does not have", () => {
  for (const [english, said] of Object.entries(catalogue)) {
    const holes = english.split("{}").length - 1;
    for (const [, place] of said.matchAll(/\{(\d+)[?!#]?\}/g))
      expect([english, Number(place) <= holes]).toEqual([english, true]);
  }
});

test("a long text that matches nothing is given back at once", () => {
  const began = performance.now();
  german(`${"row has a, ".repeat(180)}x`);
  expect(performance.now() - began).toBeLessThan(1000);
});
