import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { toast } from "@/ui/toast";

export type Incident = Api["Incident"];
export type Resolution = Api["ResolutionGiven"]["resolution"];
export const RESOLUTIONS: readonly Resolution[] = ["fixed", "expected", "false_alarm", "duplicate", "ignored"];
export const INCIDENTS_KEY = ["incidents"] as const;
const DAY_MS = 24 * 3600 * 1000;

const at = (id: string) => ({ params: { path: { incident_id: id } } });

export const acknowledge = (id: string) =>
  client.POST("/api/v1/incidents/{incident_id}/acknowledge", { ...at(id), body: { comment: "" } });
export const putOff = (id: string, now = Date.now()) =>
  client.POST("/api/v1/incidents/{incident_id}/snooze", {
    ...at(id),
    body: { until: new Date(now + DAY_MS).toISOString(), comment: "" },
  });
export const wake = (id: string) =>
  client.POST("/api/v1/incidents/{incident_id}/snooze", { ...at(id), body: { until: null, comment: "" } });
export const resolve = (id: string, resolution: Resolution, comment: string) =>
  client.POST("/api/v1/incidents/{incident_id}/resolve", { ...at(id), body: { resolution, comment } });
export const reopen = (id: string) =>
  client.POST("/api/v1/incidents/{incident_id}/reopen", { ...at(id), body: { comment: "" } });
export const say = (id: string, comment: string) =>
  client.POST("/api/v1/incidents/{incident_id}/comments", { ...at(id), body: { comment } });

/** Carries something out, says that it was done, and has whatever shows incidents read them anew. */
export async function done(ask: () => Promise<unknown>, said: string, undo?: () => Promise<unknown>) {
  const anew = () => queryClient.invalidateQueries({ queryKey: INCIDENTS_KEY });
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
