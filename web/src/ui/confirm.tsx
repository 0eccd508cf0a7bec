import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";
import { Dialog, DialogActions } from "./dialog";
import { TextField } from "./field";
import { Note } from "./note";

type Props = {
  open: boolean;
  onClose: () => void;
  title: string;
  text: string;
  action: string;
  onConfirm: () => Promise<unknown>;
  /** What has to be typed first, where a slip would cost much. */
  typed?: string;
};

/** Asks before what cannot be taken back; a refusal is shown where it was asked. */
export function Confirm({ open, ...rest }: Props) {
  // what was typed or refused is gone when it is opened again
  return open ? <Asking {...rest} /> : null;
}

function Asking({ onClose, title, text, action, onConfirm, typed }: Omit<Props, "open">) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [words, setWords] = useState("");
  const [problem, setProblem] = useState("");
  const confirm = async () => {
    setBusy(true);
    setProblem("");
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : t("failed.unknown"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={title} description={text}>
      {typed ? (
        <TextField
          label={t("confirm.type", { words: typed })}
          value={words}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setWords(event.target.value)}
        />
      ) : null}
      {problem ? (
        <div role="alert" className="mt-4">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      <DialogActions>
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button
          kind="danger"
          busy={busy}
          disabled={typed !== undefined && words !== typed}
          onClick={() => void confirm()}
        >
          {action}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
