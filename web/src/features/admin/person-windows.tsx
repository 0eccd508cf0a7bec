import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { FormDialog } from "@/features/form-dialog";
import { beginActing } from "@/shell/acting-banner";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextArea } from "@/ui/field";
import { Note } from "@/ui/note";
import type { PersonAction } from "./person-row";
import { ShownOnce } from "./shown-once";

type Props = { person: Api["Person"]; onClose: () => void };
type WindowProps = Props & { action: PersonAction; onAdministrator: (isOne: boolean) => Promise<void> };
const at = (person: Api["Person"]) => ({ params: { path: { user_id: person.id } } });

/** A link that sets somebody's password, made when it is asked for and shown this once. */
function ResetLink({ person, onClose }: Props) {
  const { t } = useTranslation();
  const [url, setUrl] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const title = t("admin.resetLinkOf", { name: person.display_name || (person.email ?? "") });
  const make = async () => {
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/admin/users/{user_id}/reset-link", at(person));
      setUrl(data?.url ?? "");
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  if (url) return <ShownOnce title={title} shown={[{ label: t("admin.resetLink"), text: url }]} onClose={onClose} />;
  return (
    <Dialog open onClose={onClose} title={title} description={t("admin.resetLinkText")}>
      {problem ? (
        <div role="alert">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      <DialogActions>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="primary" busy={busy} onClick={() => void make()}>
          {t("admin.makeLink")}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

/** Asks why before an administrator acts as somebody. */
function ActAs({ person, onClose }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const name = person.display_name || (person.email ?? "");
  return (
    <FormDialog
      title={t("acting.title", { name })}
      description={t("acting.text")}
      action={t("acting.begin")}
      onClose={onClose}
      onSubmit={async (given) => {
        const { data } = await client.POST("/api/v1/admin/users/{user_id}/impersonate", {
          ...at(person),
          body: { reason: String(given.get("reason")).trim() },
        });
        if (!data) return;
        await navigate({ to: "/" });
        beginActing({ id: data.id, name: data.display_name, endsAt: data.ends_at });
      }}
    >
      {(problems) => (
        <TextArea
          label={t("acting.reason")}
          hint={t("acting.reasonHint")}
          name="reason"
          required
          minLength={3}
          maxLength={300}
          problem={problems.reason}
        />
      )}
    </FormDialog>
  );
}

/** The window of what is to be done about a person. */
export default function PersonWindow({ person, action, onClose, onAdministrator }: WindowProps) {
  const { t } = useTranslation();
  if (action === "link") return <ResetLink person={person} onClose={onClose} />;
  if (action === "act") return <ActAs person={person} onClose={onClose} />;
  const makes = action === "administrator";
  return (
    <Confirm
      open
      onClose={onClose}
      title={t(makes ? "admin.makeOf" : "admin.unmakeOf", { name: person.display_name || (person.email ?? "?") })}
      text={t(makes ? "admin.makeText" : "admin.unmakeText")}
      action={t(makes ? "admin.makeAdministrator" : "admin.unmakeAdministrator")}
      onConfirm={() => onAdministrator(makes)}
    />
  );
}
