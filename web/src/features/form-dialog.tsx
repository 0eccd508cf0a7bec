import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "@/api/problem";
import { Button } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Note } from "@/ui/note";

type Problems = Record<string, string>;
type Props = {
  title: string;
  description?: ReactNode;
  action: string;
  wide?: boolean;
  /** For what cannot be taken back. */
  danger?: boolean;
  onClose: () => void;
  onSubmit: (given: FormData) => Promise<unknown>;
  children: (problems: Problems) => ReactNode;
};

/** A form in a window: what is wrong with a field stands below it, what else is wrong above the buttons. */
export function FormDialog({
  title,
  description,
  action,
  wide = false,
  danger = false,
  onClose,
  onSubmit,
  children,
}: Props) {
  const { t } = useTranslation();
  const [problems, setProblems] = useState<Problems>({});
  const [busy, setBusy] = useState(false);
  const submit = async (given: FormData) => {
    setBusy(true);
    setProblems({});
    try {
      await onSubmit(given);
    } catch (error) {
      const known = error instanceof Problem ? Object.entries(error.fields).filter(([name]) => given.has(name)) : [];
      const words = error instanceof Error ? error.message : t("failed.unknown");
      setProblems(known.length ? Object.fromEntries(known) : { "": words });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={title} description={description} wide={wide}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <div className="space-y-4">{children(problems)}</div>
        {problems[""] ? (
          <div role="alert" className="mt-4">
            <Note tone="bad">{problems[""]}</Note>
          </div>
        ) : null}
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind={danger ? "danger" : "primary"} busy={busy}>
            {action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
