import i18n from "i18next";
import { beforeAll, expect, test } from "vitest";
import en from "@/i18n/en.json";
import { kindName, noticeWords } from "./words";

beforeAll(async () => {
  await i18n.init({
    lng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false },
  });
});

test("a notice is said with its facts", () => {
  const data = { run_id: "1", dataset: "main/flights", target: "late", metric: "roc_auc", score: "0.77" };
  const said = noticeWords({ kind: "run_finished", data }, i18n.t);
  expect(said.title).toBe("Training on main/flights is finished");
  expect(said.body).toContain("late with ROC AUC 0.77");
});

test("a kind that came after this page was built is named as the hub names it", () => {
  expect(noticeWords({ kind: "model_drifted", data: {} }, i18n.t).title).toBe("News: model_drifted");
  expect(kindName("model_drifted", i18n.t)).toBe("model_drifted");
});

test("a moment is written for a person", () => {
  const data = { device: "Firefox", place: "192.0.2.1", at: "2026-05-01T10:00:00+00:00" };
  expect(noticeWords({ kind: "new_sign_in", data }, i18n.t).body).not.toContain("T10:00");
});
