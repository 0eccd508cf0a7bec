import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Checkbox } from "@/ui/checkbox";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { SelectField } from "@/ui/select";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { SEVERITIES } from "./rules";

type Settings = Api["IncidentSettings"];
const MINUTES_MAX = 527_040;

/** How long the organisation takes, until when what recovered is the same, and whether it hears of its week. */
export function LimitsCard({ org }: { org: string }) {
  const { t } = useTranslation();
  const options = api.queryOptions("get", "/api/v1/organisations/{org}/incident-settings", {
    params: { path: { org } },
  });
  const query = useQuery(options);
  const [busy, setBusy] = useState(false);
  const settings = query.data;
  if (query.error && !settings) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!settings) return <Skeleton className="h-96 rounded-lg" />;
  const save = async (form: FormData) => {
    setBusy(true);
    try {
      const { data } = await client.PUT("/api/v1/organisations/{org}/incident-settings", {
        params: { path: { org }, header: { "If-Match": `"${settings.revision}"` } },
        body: changeOf(form),
      });
      queryClient.setQueryData(options.queryKey, data);
      toast(t("alert.limits.saved"));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
      await query.refetch();
    } finally {
      setBusy(false);
    }
  };
  const zones = [...new Set([settings.zone, "UTC", ...Intl.supportedValuesOf("timeZone")])];
  return (
    <Card title={t("alert.limits.title")}>
      <form
        key={settings.revision}
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void save(new FormData(event.currentTarget));
        }}
      >
        <p className="text-sm text-fg-2">{t("alert.limits.text")}</p>
        <Minutes name="acknowledge" label={t("alert.limits.acknowledge")} values={settings.acknowledge_minutes} />
        <Minutes name="resolve" label={t("alert.limits.resolve")} values={settings.resolve_minutes} />
        <TextField
          name="reopen"
          type="number"
          inputMode="numeric"
          min={0}
          max={MINUTES_MAX}
          required
          label={t("alert.limits.reopen")}
          defaultValue={settings.reopen_minutes}
        />
        <SelectField
          name="zone"
          label={t("alert.zone")}
          defaultValue={settings.zone}
          options={zones.map((one) => ({ value: one, label: one.replaceAll("_", " ") }))}
        />
        <Checkbox name="digest" label={t("alert.limits.digest")} defaultChecked={settings.weekly_digest} />
        <Button type="submit" busy={busy}>
          {t("action.save")}
        </Button>
      </form>
    </Card>
  );
}

function Minutes({ name, label, values }: { name: string; label: string; values: Settings["resolve_minutes"] }) {
  const { t } = useTranslation();
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{label}</legend>
      <div className="grid grid-cols-3 gap-3">
        {SEVERITIES.map((one) => (
          <TextField
            key={one}
            name={`${name}.${one}`}
            type="number"
            inputMode="numeric"
            min={1}
            max={MINUTES_MAX}
            label={t(`incident.severity.${one}`)}
            defaultValue={values[one] ?? ""}
          />
        ))}
      </div>
    </fieldset>
  );
}

function changeOf(form: FormData): Api["IncidentSettingsChange"] {
  const minutes = (name: string) => Number(form.get(name)) || null;
  const bySeverity = (name: string) => ({
    info: minutes(`${name}.info`),
    warning: minutes(`${name}.warning`),
    critical: minutes(`${name}.critical`),
  });
  return {
    acknowledge_minutes: bySeverity("acknowledge"),
    resolve_minutes: bySeverity("resolve"),
    reopen_minutes: Number(form.get("reopen")),
    weekly_digest: form.get("digest") === "on",
    zone: String(form.get("zone")),
  };
}
