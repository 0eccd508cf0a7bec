import type { TFunction } from "i18next";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { toast } from "@/ui/toast";
import { forEachOf } from "./triage";

export type Incident = Api["Incident"];
export type Resolution = Api["ResolutionGiven"]["resolution"];
export const RESOLUTIONS: readonly Resolution[] = ["fixed", "expected", "false_alarm", "duplicate", "ignored"];
export const INCIDENTS_KEY = ["incidents"] as const;
export const HOUR_MS = 3600 * 1000;
export const DAY_MS = 24 * HOUR_MS;

const at = (id: string) => ({ params: { path: { incident_id: id } } });

export const acknowledge = (id: string, comment = "") =>
  client.POST("/api/v1/incidents/{incident_id}/acknowledge", { ...at(id), body: { comment } });
export const assign = (id: string, person: string | null) =>
  client.PUT("/api/v1/incidents/{incident_id}/assignee", { ...at(id), body: { user_id: person } });
export const putOff = (id: string, until = new Date(Date.now() + DAY_MS)) =>
  client.POST("/api/v1/incidents/{incident_id}/snooze", {
    ...at(id),
    body: { until: until.toISOString(), comment: "" },
  });
export const wake = (id: string) =>
  client.POST("/api/v1/incidents/{incident_id}/snooze", { ...at(id), body: { until: null, comment: "" } });
export const resolve = (id: string, resolution: Resolution, comment: string) =>
  client.POST("/api/v1/incidents/{incident_id}/resolve", { ...at(id), body: { resolution, comment } });
export const reopen = (id: string) =>
  client.POST("/api/v1/incidents/{incident_id}/reopen", { ...at(id), body: { comment: "" } });
export const say = (id: string, comment: string) =>
  client.POST("/api/v1/incidents/{incident_id}/comments", { ...at(id), body: { comment } });

const anew = () => queryClient.invalidateQueries({ queryKey: INCIDENTS_KEY });

/** Carries something out, says that it was done, and has whatever shows incidents read them anew. */
export async function done(ask: () => Promise<unknown>, said: string, undo?: () => Promise<unknown>) {
  try {
    await ask();
    const back = undo && (() => void undo().then(anew, (error) => toast(saidBy(error), { tone: "bad" })));
    toast(said, back ? { undo: back } : {});
  } catch (error) {
    toast(saidBy(error), { tone: "bad" });
  } finally {
    await anew();
  }
}

/** The same for several: one that could not be done keeps none of the others back. */
async function doneAll(
  incidents: Incident[],
  work: (id: string) => Promise<unknown>,
  said: string,
  undo?: (id: string) => Promise<unknown>,
) {
  const each = (ask: (id: string) => Promise<unknown>) => async () => {
    const [problem] = await forEachOf(incidents, ({ id }) => ask(id));
    if (problem) throw problem;
  };
  await done(each(work), said, undo && each(undo));
}

const named = (incidents: Incident[], t: TFunction) =>
  incidents.length === 1 ? (incidents[0]?.title ?? "") : t("incident.several", { count: incidents.length });

export const acknowledgeAll = (incidents: Incident[], t: TFunction) =>
  doneAll(incidents, (id) => acknowledge(id), t("incident.acknowledged", { title: named(incidents, t) }));
export const snoozeAll = (incidents: Incident[], t: TFunction) =>
  doneAll(incidents, (id) => putOff(id), t("incident.putOff", { title: named(incidents, t) }), wake);
export const resolveAll = (incidents: Incident[], why: Resolution, comment: string, t: TFunction) =>
  doneAll(incidents, (id) => resolve(id, why, comment), t("incident.resolved", { title: named(incidents, t) }), reopen);
