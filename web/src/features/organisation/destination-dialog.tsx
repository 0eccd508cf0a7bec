import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { Checkbox } from "@/ui/checkbox";
import { Code } from "@/ui/code";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { useKindName } from "./notice-kinds";

type Kind = Api["Destination"]["kind"];
const KINDS: { value: Kind; label: string }[] = [
  { value: "slack", label: "Slack" },
  { value: "pagerduty", label: "PagerDuty" },
  { value: "webhook", label: "Webhook" },
];
type Props = { org: string; kinds: string[]; onClose: () => void };

/** Asks where notices are to go; a webhook's secret is shown this once. */
export function DestinationDialog({ org, kinds, onClose }: Props) {
  const { t } = useTranslation();
  const [secret, setSecret] = useState("");
  return secret ? (
    <Dialog open onClose={onClose} title={t("destination.secretTitle")} description={t("destination.secretText")}>
      <Code label={t("destination.secretTitle")}>{secret}</Code>
      <DialogActions>
        <Button kind="primary" onClick={onClose}>
          {t("settings.done")}
        </Button>
      </DialogActions>
    </Dialog>
  ) : (
    <Dialog open onClose={onClose} title={t("destination.add")} description={t("destination.addText")}>
      <DestinationForm org={org} kinds={kinds} onClose={onClose} onSecret={setSecret} />
    </Dialog>
  );
}

function DestinationForm({ org, kinds, onClose, onSecret }: Props & { onSecret: (secret: string) => void }) {
  const { t } = useTranslation();
  const nameOf = useKindName();
  const [kind, setKind] = useState<Kind>("slack");
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const add = async (form: FormData) => {
    setBusy(true);
    setProblems({});
    try {
      const { data } = await client.POST("/api/v1/organisations/{org}/destinations", {
        params: { path: { org } },
        body: {
          kind,
          name: String(form.get("name")),
          url: String(form.get("url") ?? "").trim() || null,
          routing_key: kind === "pagerduty" ? String(form.get("routing_key")).trim() : null,
          notice_kinds: form.getAll("notice_kind").map(String),
        },
      });
      if (data?.secret) onSecret(data.secret);
      else onClose();
    } catch (error) {
      const fields = error instanceof Problem ? error.fields : {};
      const shown = Object.keys(fields).some((name) => ["name", "url", "routing_key"].includes(name));
      setProblems(shown ? fields : { "": fields.notice_kinds ? t("destination.chooseKinds") : saidBy(error) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void add(new FormData(event.currentTarget));
      }}
    >
      <div className="space-y-4">
        <SelectField
          label={t("destination.to")}
          value={kind}
          options={KINDS}
          onChange={(event) => setKind(KINDS.find((one) => one.value === event.target.value)?.value ?? "slack")}
        />
        <TextField name="name" label={t("destination.name")} required maxLength={100} problem={problems.name} />
        {kind === "pagerduty" ? (
          <TextField
            name="routing_key"
            label={t("destination.routingKey")}
            hint={t("destination.routingKeyHint")}
            required
            autoComplete="off"
            maxLength={100}
            problem={problems.routing_key}
          />
        ) : (
          <TextField
            key={kind}
            name="url"
            type="url"
            label={t("destination.url")}
            hint={t(kind === "slack" ? "destination.slackHint" : "destination.webhookHint")}
            required
            autoComplete="off"
            maxLength={2000}
            problem={problems.url}
          />
        )}
        <fieldset>
          <legend className="text-sm font-medium">{t("destination.what")}</legend>
          {kinds.map((one) => (
            <Checkbox key={one} name="notice_kind" value={one} label={nameOf(one)} defaultChecked />
          ))}
        </fieldset>
        {problems[""] ? (
          <div role="alert">
            <Note tone="bad">{problems[""]}</Note>
          </div>
        ) : null}
      </div>
      <DialogActions>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button type="submit" kind="primary" busy={busy}>
          {t("destination.add")}
        </Button>
      </DialogActions>
    </form>
  );
}
