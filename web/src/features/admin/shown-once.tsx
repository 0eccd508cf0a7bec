import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { Code } from "@/ui/code";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Note } from "@/ui/note";

type Shown = { label: string; text: string };

/** What is shown this once, to be copied; the window closes by its button alone. */
export function ShownOnce({ title, shown, onClose }: { title: string; shown: Shown[]; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog open title={title}>
      <Note tone="warn" className="mb-3">
        {t("admin.once")}
      </Note>
      <div className="space-y-3">
        {shown.map(({ label, text }) => (
          <div key={label}>
            <p className="mb-1 text-sm font-medium">{label}</p>
            <Code label={label}>{text}</Code>
          </div>
        ))}
      </div>
      <DialogActions>
        <Button kind="primary" onClick={onClose}>
          {t("settings.done")}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
