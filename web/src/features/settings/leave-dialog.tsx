import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { Button } from "@/ui/button";
import { Checkbox } from "@/ui/checkbox";
import { Dialog, DialogActions } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";

type Props = { word: string; owned: string[]; onClose: () => void; onAsked: (deletion: Api["Deletion"]) => void };

/** Asks for a typed word before somebody leaves, and which of their organisations go along. */
export function LeaveDialog({ word, owned, onClose, onAsked }: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [along, setAlong] = useState<string[]>([]);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const ask = async () => {
    setBusy(true);
    setProblem("");
    try {
      const { data } = await client.POST("/api/v1/me/deletion", { body: { delete_organisations: along } });
      if (data) onAsked(data);
      onClose();
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t("ownData.leave")} description={t("ownData.deleteText")}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        {owned.length ? (
          <fieldset>
            <legend className="text-sm font-medium">{t("ownData.deleteOrganisations")}</legend>
            <p className="mt-1 text-sm text-fg-2">{t("ownData.leaveAlone")}</p>
            {owned.map((name) => (
              <Checkbox
                key={name}
                label={t("ownData.deleteAlso", { name })}
                checked={along.includes(name)}
                onChange={(event) =>
                  setAlong(event.target.checked ? [...along, name] : along.filter((other) => other !== name))
                }
              />
            ))}
          </fieldset>
        ) : null}
        <TextField
          label={t("ownData.confirm", { word })}
          value={typed}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
        {problem ? (
          <div role="alert">
            <Note tone="bad">{problem}</Note>
          </div>
        ) : null}
        <DialogActions>
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button type="submit" kind="danger" busy={busy} disabled={typed.trim() !== word}>
            {t("ownData.deleteAction")}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
