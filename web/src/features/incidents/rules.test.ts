import { expect, test } from "vitest";
import { asWanted, moved, type Rule, wantedOf } from "./rules";

const filled = (fields: [string, string][]) => {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
};
const NOBODY = { to: [], escalation: [] };

test("a rule goes up and down, and stays within the list", () => {
  expect(moved(["a", "b", "c"], "c", -1)).toEqual(["a", "c", "b"]);
  expect(moved(["a", "b", "c"], "a", 1)).toEqual(["b", "a", "c"]);
  expect(moved(["a", "b", "c"], "a", -1)).toEqual(["a", "b", "c"]);
  expect(moved(["a", "b", "c"], "c", 1)).toEqual(["a", "b", "c"]);
});

test("what belongs to a box that is not ticked is not sent", () => {
  const wanted = wantedOf(
    filled([
      ["name", " Nights "],
      ["datasets", "main/*, main/rides\n"],
      ["dataset_tags", " finance, daily,finance,"],
      ["check_tags", "Personal data"],
      ["severity", "critical"],
      ["hours.day", "mon"],
      ["hours.begins", "22:00"],
      ["hours.ends", "06:00"],
      ["quiet", "on"],
      ["quiet.day", "sun"],
      ["quiet.day", "sat"],
      ["quiet.begins", "00:00"],
      ["quiet.ends", "00:00"],
      ["after_minutes", "15"],
      ["to.destination", "d1"],
      ["repeat_minutes", "60"],
    ]),
    NOBODY,
    true,
  );
  expect(wanted).toMatchObject({
    name: "Nights",
    conditions: {
      datasets: ["main/*", "main/rides"],
      dataset_tags: ["finance", "daily"],
      check_tags: ["Personal data"],
      severities: ["critical"],
      hours: null,
    },
    delivery: {
      quiet: { days: ["sat", "sun"], begins: "00:00", ends: "00:00" },
      quiet_lets_critical_pass: false,
      repeat_minutes: 60,
      per_hour_max: null,
    },
    to: { destination_id: "d1", people: [] },
    escalation: null,
    goes_on: false,
  });
});

test("whom it escalates to is sent with its time", () => {
  const form = filled([
    ["escalates", "on"],
    ["after_minutes", "15"],
    ["goes_on", "on"],
  ]);
  const wanted = wantedOf(form, { to: ["u1"], escalation: ["u2"] }, false);
  expect(wanted.escalation).toEqual({ after_minutes: 15, to: { destination_id: null, people: ["u2"] } });
  expect(wanted).toMatchObject({ enabled: false, to: { people: ["u1"] }, goes_on: true });
});

test("a rule sent as it is has what the hub takes, and no more", () => {
  const rule = { id: "1", created_at: "x", revision: 3, name: "n", enabled: true, goes_on: false } as Rule;
  expect(asWanted(rule)).toEqual({ name: "n", enabled: true, goes_on: false });
});
