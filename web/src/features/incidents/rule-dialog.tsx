import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { Problem } from "@/api/problem";
import { FormDialog } from "@/features/form-dialog";
import { Checkbox } from "@/ui/checkbox";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { HoursFields, TargetFields } from "./rule-fields";
import { addRule, changeRule, GROUPS, KINDS, type Rule, rulesAnew, SEVERITIES, TAGS, wantedOf } from "./rules";

type Person = { id: string; name: string };
type Props = { org: string; rule: Rule | null; destinations: Api["DestinationNamed"][]; onClose: () => void };
const MEMBERS_NAMED_MAX = 200;

/** One rule: which incidents, whom, how, and what when nobody looks after it. */
export default function RuleDialog({ org, rule, destinations, onClose }: Props) {
  const { t } = useTranslation();
  const [to, setTo] = useNamed(org, rule?.to.people);
  const [escalation, setEscalation] = useNamed(org, rule?.escalation?.to.people);
  const [escalates, setEscalates] = useState(Boolean(rule?.escalation));
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = rule?.delivery.zone ?? here;
  const zones = [...new Set([zone, here, "UTC", ...Intl.supportedValuesOf("timeZone")])];
  const kinds = [...new Set<string>([...KINDS, ...(rule?.conditions.kinds ?? [])])];
  const save = async (form: FormData) => {
    const people = { to: to.map((one) => one.id), escalation: escalation.map((one) => one.id) };
    const wanted = wantedOf(form, people, rule?.enabled ?? true);
    try {
      await (rule ? changeRule(org, rule, wanted) : addRule(org, wanted));
    } catch (error) {
      throw error instanceof Problem && error.status === 412 ? new Error(t("alert.changed")) : error;
    }
    await rulesAnew(org);
    onClose();
  };
  return (
    <FormDialog
      wide
      title={rule ? t("alert.edit", { name: rule.name }) : t("alert.add")}
      action={t("alert.save")}
      onClose={onClose}
      onSubmit={save}
    >
      {(problems) => (
        <>
          <TextField
            name="name"
            label={t("alert.name")}
            required
            maxLength={100}
            defaultValue={rule?.name ?? ""}
            problem={problems.name}
          />
          <Part title={t("alert.which")}>
            <TextField
              name="datasets"
              label={t("alert.datasets")}
              hint={t("alert.datasetsHint")}
              autoComplete="off"
              spellCheck={false}
              defaultValue={rule?.conditions.datasets.join(", ") ?? ""}
              problem={problems.datasets}
            />
            <div className="grid gap-3 sm:grid-cols-2">
              {TAGS.map((of) => (
                <TextField
                  key={of}
                  name={of}
                  label={t(`alert.tags.${of}`)}
                  hint={t("alert.tags.hint")}
                  autoComplete="off"
                  spellCheck={false}
                  defaultValue={rule?.conditions[of].join(", ") ?? ""}
                  problem={problems[of]}
                />
              ))}
            </div>
            <div className="grid gap-3 sm:grid-cols-2">
              <Boxes legend={t("alert.severities")} hint={t("alert.severitiesHint")}>
                {SEVERITIES.map((one) => (
                  <Checkbox
                    key={one}
                    name="severity"
                    value={one}
                    label={t(`incident.severity.${one}`)}
                    defaultChecked={rule?.conditions.severities.includes(one)}
                  />
                ))}
              </Boxes>
              <Boxes legend={t("alert.kinds")} hint={t("alert.severitiesHint")}>
                {kinds.map((one) => (
                  <Checkbox
                    key={one}
                    name="kind"
                    value={one}
                    label={one === "check" || one === "metrics" ? t(`alert.kind.${one}`) : one}
                    defaultChecked={rule?.conditions.kinds.includes(one)}
                  />
                ))}
              </Boxes>
            </div>
            <HoursFields name="hours" label={t("alert.hours")} hours={rule?.conditions.hours ?? null} />
          </Part>
          <Part title={t("alert.whom")}>
            {destinations.length ? null : <Note>{t("alert.noDestinations")}</Note>}
            <TargetFields
              org={org}
              name="to"
              destinations={destinations}
              destination={rule?.to.destination_id ?? null}
              people={to}
              onPeople={setTo}
            />
          </Part>
          <Part title={t("alert.how")}>
            <div className="grid gap-3 sm:grid-cols-2">
              <SelectField
                name="group_by"
                label={t("alert.together")}
                defaultValue={rule?.delivery.group_by ?? "incident"}
                options={GROUPS.map((one) => ({ value: one, label: t(`alert.group.${one}`) }))}
              />
              <Count
                name="group_seconds"
                label={t("alert.gather")}
                max={86_400}
                value={rule?.delivery.group_seconds ?? 0}
              />
              <Count
                name="repeat_minutes"
                label={t("alert.repeat")}
                max={527_040}
                value={rule?.delivery.repeat_minutes ?? 60}
              />
              <Count
                name="per_hour_max"
                label={t("alert.perHour")}
                hint={t("alert.perHourHint")}
                min={1}
                max={1000}
                value={rule?.delivery.per_hour_max ?? null}
              />
            </div>
            <HoursFields name="quiet" label={t("alert.quiet")} hours={rule?.delivery.quiet ?? null} />
            <Checkbox
              name="quiet_lets_critical_pass"
              label={t("alert.quietPass")}
              defaultChecked={rule?.delivery.quiet_lets_critical_pass ?? true}
            />
            <SelectField
              name="zone"
              label={t("alert.zone")}
              defaultValue={zone}
              options={zones.map((one) => ({ value: one, label: one.replaceAll("_", " ") }))}
            />
          </Part>
          <div className="border-t border-line pt-3">
            <Checkbox
              name="escalates"
              label={t("alert.escalate")}
              checked={escalates}
              onChange={(event) => setEscalates(event.target.checked)}
            />
            {escalates ? (
              <div className="mt-2 space-y-3">
                <Count
                  name="after_minutes"
                  label={t("alert.after")}
                  min={1}
                  max={527_040}
                  value={rule?.escalation?.after_minutes ?? 30}
                />
                <TargetFields
                  org={org}
                  name="escalation"
                  destinations={destinations}
                  destination={rule?.escalation?.to.destination_id ?? null}
                  people={escalation}
                  onPeople={setEscalation}
                />
              </div>
            ) : null}
            <Checkbox name="goes_on" label={t("alert.goesOn")} defaultChecked={rule?.goes_on ?? false} />
          </div>
        </>
      )}
    </FormDialog>
  );
}

/** Ids with the names they have, once they are read. */
function useNamed(org: string, ids: string[] = []) {
  const [people, setPeople] = useState<Person[]>(ids.map((id) => ({ id, name: "" })));
  const members = useQuery({
    ...api.queryOptions("get", "/api/v1/organisations/{org}/members", {
      params: { path: { org }, query: { limit: MEMBERS_NAMED_MAX } },
    }),
    enabled: ids.length > 0,
  }).data?.items;
  useEffect(() => {
    const names = new Map(members?.map((one) => [one.user_id, one.display_name || one.email || ""]));
    setPeople((now) => now.map((one) => ({ ...one, name: one.name || names.get(one.id) || "" })));
  }, [members]);
  return [people, setPeople] as const;
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="space-y-3 border-t border-line pt-3">
      <h3 className="font-semibold">{title}</h3>
      {children}
    </section>
  );
}

function Boxes({ legend, hint, children }: { legend: string; hint: string; children: ReactNode }) {
  return (
    <fieldset>
      <legend className="text-sm font-medium">{legend}</legend>
      {children}
      <p className="text-xs text-fg-3">{hint}</p>
    </fieldset>
  );
}

type CountProps = { name: string; label: string; hint?: string; min?: number; max: number; value: number | null };

function Count({ value, min = 0, ...rest }: CountProps) {
  return <TextField {...rest} type="number" inputMode="numeric" min={min} step={1} defaultValue={value ?? ""} />;
}
