import { Bell, Database } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./button";
import { CommandPalette } from "./command-palette";
import { Confirm } from "./confirm";
import { Dialog, DialogActions } from "./dialog";
import { TextField } from "./field";
import { toast } from "./toast";
import { Tooltip } from "./tooltip";

/** What opens over the page, on its own since it is only looked at when it is asked for. */
export default function Windows() {
  const { t } = useTranslation();
  const [open, setOpen] = useState<"dialog" | "confirm" | "palette" | null>(null);
  const [query, setQuery] = useState("");
  const close = () => setOpen(null);
  return (
    <>
      <Button onClick={() => setOpen("dialog")}>Dialog</Button>
      <Button onClick={() => setOpen("confirm")}>Confirm</Button>
      <Button onClick={() => setOpen("palette")}>Palette</Button>
      <Button onClick={() => toast("Something was removed", { undo: () => toast("It is back") })}>Toast</Button>
      <Button onClick={() => toast("Something went wrong", { tone: "bad" })}>Bad toast</Button>
      <Tooltip text="A tooltip">
        <Button kind="ghost" size="icon" aria-label="icon">
          <Bell size={16} aria-hidden />
        </Button>
      </Tooltip>
      <Dialog open={open === "dialog"} onClose={close} title="Dialog" description="What it is for">
        <TextField label="Text" />
        <DialogActions>
          <Button onClick={close}>{t("action.cancel")}</Button>
          <Button kind="primary" onClick={close}>
            Do
          </Button>
        </DialogActions>
      </Dialog>
      <Confirm
        open={open === "confirm"}
        onClose={close}
        title="Sure?"
        text="It cannot be undone."
        action="Delete"
        onConfirm={async () => undefined}
      />
      <CommandPalette
        open={open === "palette"}
        onClose={close}
        label="Find"
        query={query}
        onQuery={setQuery}
        commands={["one", "two"]
          .filter((name) => name.includes(query))
          .map((name) => ({ id: name, label: name, icon: Database, run: () => toast(name) }))}
      />
    </>
  );
}
