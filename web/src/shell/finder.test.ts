import { Database } from "lucide-react";
import { describe, expect, it } from "vitest";
import { fitting } from "./finder";

const dataset = (label: string) => ({ id: label, label, detail: "Dataset", icon: Database, run: () => {} });
const found = (query: string, ...labels: string[]) => fitting(labels.map(dataset), query).map((one) => one.label);

describe("what is found", () => {
  it("has every word, in the name or in what it is", () => {
    expect(found("houses data", "main/houses", "main/flights")).toEqual(["main/houses"]);
  });

  it("begins with what is called exactly so, also where newer ones have more in their names", () => {
    expect(found("houses data", "main/houses-predictions", "main/houses")[0]).toBe("main/houses");
  });

  it("has what begins with the words before what only holds them", () => {
    expect(found("main", "old/main-road", "main/houses")).toEqual(["main/houses", "old/main-road"]);
  });
});
