import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { EndDate, endOfDay } from "@/features/sharing/end-date";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextArea } from "@/ui/field";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { toast } from "@/ui/toast";
import type { AccessRequest } from "./requests";
import { GRANTED_ROLES, useRoleOptions } from "./roles";

type Props = { request: AccessRequest; as: "approve" | "refuse"; onClose: () => void; onDone: () => void };

/** Grants what was asked for, or does not, with a word to whoever asked. */
export function DecideDialog({ request, as, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const options = useRoleOptions(GRANTED_ROLES);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const name = request.asked_by?.name ?? "";
  const decide = async (form: FormData) => {
    setBusy(true);
    setProblem("");
    const params = { path: { request_id: request.id } };
    const note = String(form.get("note")).trim();
    try {
      if (as === "approve") {
        const role = GRANTED_ROLES.find((one) => one === form.get("role")) ?? "viewer";
        const body = { role, ends_at: endOfDay(form.get("ends")), note };
        await client.POST("/api/v1/access-requests/{request_id}/approve", { params, body });
      } else await client.POST("/api/v1/access-requests/{request_id}/refuse", { params, body: { note } });
      toast(t(as === "approve" ? "organisation.approved" : "organisation.refused", { name }));
      onDone();
      onClose();
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(as === "approve" ? "organisation.approveOf" : "organisation.refuseOf", { name })}
      description={request.address}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void decide(new FormData(event.currentTarget));
        }}
      >
        <div className="space-y-4">
          {as === "approve" ? (
            <div className="grid gap-4 sm:grid-cols-2">
              <SelectField name="role" label={t("field.role")} defaultValue="viewer" options={options} />
              <EndDate />
            </div>
          ) : null}
          <TextArea name="note" label={t("field.note")} hint={t("organisation.noteHint")} maxLength={1000} />
          {problem ? (
            <div role="alert">
              <Note tone="bad">{problem}</Note>
            </div>
          ) : null}
        </div>
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind={as === "approve" ? "primary" : "danger"} busy={busy}>
            {t(as === "approve" ? "organisation.approve" : "organisation.refuse")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
