import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { moment } from "@/i18n/format";
import { Button } from "@/ui/button";
import { Code } from "@/ui/code";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { ROLES, roleOf, useRoleOptions } from "./roles";

const DAYS = [1, 3, 7, 14, 30, 90];
const DAYS_USUAL = 14;
const USES_MAX = 10_000;

/** Asks who is to come in and as what; then shows the link, this once. */
export function InviteDialog({ org, onClose }: { org: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [made, setMade] = useState<Api["InvitationMade"] | null>(null);
  return made ? (
    <Dialog open onClose={onClose} title={t("organisation.linkTitle")} description={t("organisation.linkOnce")}>
      <Code label={t("organisation.link")}>{made.url}</Code>
      <p className="mt-3 text-sm text-fg-2">
        {t("organisation.linkText", { role: t(`role.${roleOf(made.role)}`), when: moment(made.expires_at) })}
      </p>
      <DialogActions>
        <Button kind="primary" onClick={onClose}>
          {t("settings.done")}
        </Button>
      </DialogActions>
    </Dialog>
  ) : (
    <Dialog open onClose={onClose} title={t("organisation.invite")} description={t("organisation.inviteText")}>
      <InviteForm org={org} onClose={onClose} onMade={setMade} />
    </Dialog>
  );
}

function InviteForm(props: { org: string; onClose: () => void; onMade: (made: Api["InvitationMade"]) => void }) {
  const { t } = useTranslation();
  const options = useRoleOptions(ROLES);
  const [email, setEmail] = useState("");
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const send = async (form: FormData) => {
    setBusy(true);
    setProblems({});
    try {
      const { data } = await client.POST("/api/v1/organisations/{org}/invitations", {
        params: { path: { org: props.org } },
        body: {
          role: roleOf(String(form.get("role"))),
          email: email.trim() || null,
          expires_in_days: Number(form.get("days")),
          uses_max: Number(form.get("uses") ?? 1),
        },
      });
      if (data) props.onMade(data);
    } catch (error) {
      const fields = error instanceof Problem ? error.fields : {};
      setProblems(Object.keys(fields).length ? fields : { "": saidBy(error) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send(new FormData(event.currentTarget));
      }}
    >
      <div className="space-y-4">
        <SelectField name="role" label={t("field.role")} defaultValue="viewer" options={options} />
        <TextField
          name="email"
          type="email"
          label={t("organisation.forAddress")}
          hint={t("organisation.forAddressHint")}
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          problem={problems.email}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField
            name="days"
            label={t("organisation.validFor")}
            defaultValue={String(DAYS_USUAL)}
            options={DAYS.map((days) => ({ value: String(days), label: t("organisation.days", { count: days }) }))}
          />
          <TextField
            key={email ? "one" : "many"}
            name="uses"
            type="number"
            label={t("organisation.usesMax")}
            min={1}
            max={USES_MAX}
            required
            defaultValue={1}
            disabled={email !== ""}
            problem={problems.uses_max}
          />
        </div>
        {problems[""] ? (
          <div role="alert">
            <Note tone="bad">{problems[""]}</Note>
          </div>
        ) : null}
      </div>
      <DialogActions>
        <Button onClick={props.onClose}>{t("action.cancel")}</Button>
        <Button type="submit" kind="primary" busy={busy}>
          {t("organisation.makeLink")}
        </Button>
      </DialogActions>
    </form>
  );
}
