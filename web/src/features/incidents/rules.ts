import { type Api, client, queryClient } from "@/api/client";

export type Rule = Api["AlertRule"];
export type Wanted = Api["AlertRuleWanted"];
type Hours = Api["HoursShown"];
export const DAYS: readonly Hours["days"][number][] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
export const SEVERITIES: readonly Api["Incident"]["severity"][] = ["critical", "warning", "info"];
/** What incidents are of that the hub opens by itself. */
export const KINDS = ["check", "metrics"] as const;
export const TAGS = ["dataset_tags", "check_tags"] as const;
export const GROUPS: readonly Rule["delivery"]["group_by"][] = ["incident", "dataset", "rule"];
const ESCALATES_AFTER_MINUTES = 30;

export const rulesKey = (org: string) => ["alert-rules", org] as const;
const RULE = "/api/v1/organisations/{org}/alert-rules/{alert_rule_id}";
const pathOf = (org: string, rule: Rule) => ({ org, alert_rule_id: rule.id });

export const addRule = (org: string, body: Wanted) =>
  client.POST("/api/v1/organisations/{org}/alert-rules", { params: { path: { org } }, body });
export const changeRule = (org: string, rule: Rule, body: Wanted) =>
  client.PUT(RULE, {
    params: { path: pathOf(org, rule), header: { "If-Match": `"${rule.revision}"` } },
    body,
  });
export const removeRule = (org: string, rule: Rule) => client.DELETE(RULE, { params: { path: pathOf(org, rule) } });
export const testRule = (org: string, rule: Rule) =>
  client.POST("/api/v1/organisations/{org}/alert-rules/{alert_rule_id}/test", { params: { path: pathOf(org, rule) } });
export const orderRules = (org: string, ids: string[]) =>
  client.PUT("/api/v1/organisations/{org}/alert-rules/order", { params: { path: { org } }, body: { ids } });
export const rulesAnew = (org: string) => queryClient.invalidateQueries({ queryKey: rulesKey(org) });

/** The ids with one of them a place further up (-1) or down (1); as they were where there is none. */
export function moved(ids: string[], id: string, by: -1 | 1): string[] {
  const from = ids.indexOf(id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= ids.length) return ids;
  const others = ids.filter((one) => one !== id);
  return [...others.slice(0, to), id, ...others.slice(to)];
}

/** A rule as one would send it to leave it as it is. */
export const asWanted = ({ id: _, created_at: __, revision: ___, ...rule }: Rule): Wanted => rule;

/** A rule of a form's fields; what belongs to a box that is not ticked is left out. */
export function wantedOf(form: FormData, people: { to: string[]; escalation: string[] }, enabled: boolean): Wanted {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const count = (name: string, otherwise: number) => (text(name) === "" ? otherwise : Number(text(name)));
  const ticked = (name: string) => form.get(name) === "on";
  const hours = (name: string): Hours | null =>
    ticked(name)
      ? {
          days: DAYS.filter((day) => form.getAll(`${name}.day`).includes(day)),
          begins: text(`${name}.begins`),
          ends: text(`${name}.ends`),
        }
      : null;
  const tags = (name: string) => [
    ...new Set(
      text(name)
        .split(",")
        .map((tag) => tag.trim())
        .filter(Boolean),
    ),
  ];
  return {
    name: text("name"),
    enabled,
    conditions: {
      datasets: text("datasets")
        .split(/[\s,]+/)
        .filter(Boolean),
      dataset_tags: tags("dataset_tags"),
      check_tags: tags("check_tags"),
      severities: SEVERITIES.filter((one) => form.getAll("severity").includes(one)),
      kinds: form.getAll("kind").map(String),
      hours: hours("hours"),
    },
    delivery: {
      group_by: GROUPS.find((one) => one === text("group_by")) ?? "incident",
      group_seconds: count("group_seconds", 0),
      repeat_minutes: count("repeat_minutes", 0),
      per_hour_max: text("per_hour_max") ? Number(text("per_hour_max")) : null,
      quiet: hours("quiet"),
      quiet_lets_critical_pass: ticked("quiet") ? ticked("quiet_lets_critical_pass") : true,
      zone: text("zone") || "UTC",
    },
    to: { destination_id: text("to.destination") || null, people: people.to },
    escalation: ticked("escalates")
      ? {
          after_minutes: count("after_minutes", ESCALATES_AFTER_MINUTES),
          to: { destination_id: text("escalation.destination") || null, people: people.escalation },
        }
      : null,
    goes_on: ticked("goes_on"),
  };
}
