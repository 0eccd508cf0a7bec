import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextArea } from "@/ui/field";
import { SelectField } from "@/ui/select";
import { type Incident, RESOLUTIONS, resolveAll } from "./acting";

/** Asks why incidents are over. */
export default function ResolveDialog({ incidents, onClose }: { incidents: Incident[]; onClose: () => void }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [first] = incidents;
  const title = incidents.length === 1 && first ? first.title : t("incident.several", { count: incidents.length });
  const submit = async (form: FormData) => {
    setBusy(true);
    const why = RESOLUTIONS.find((one) => one === form.get("why")) ?? "fixed";
    await resolveAll(incidents, why, String(form.get("comment")).trim(), t);
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={title} description={t("incident.resolveText")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <div className="space-y-4">
          <SelectField
            name="why"
            label={t("incident.why")}
            options={RESOLUTIONS.map((value) => ({ value, label: t(`incident.resolution.${value}`) }))}
          />
          <TextArea name="comment" label={t("incident.comment")} maxLength={4000} />
        </div>
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind="primary" busy={busy}>
            {t("incident.resolve")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
