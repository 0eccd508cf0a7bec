import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { changeOrganisation } from "@/shell/change-organisation";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";
import { toast } from "@/ui/toast";
import { nameFrom } from "./name-from";

/** A new organisation, which one acts in from then on. */
export function CreateForm() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [title, setTitle] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const name = chosen ?? nameFrom(title);
  const create = async () => {
    setBusy(true);
    setProblems({});
    try {
      await client.POST("/api/v1/organisations", { body: { name, title: title.trim() } });
      await changeOrganisation(name, () => navigate({ to: "/organisation", search: {} }));
      toast(t("organisation.created", { name: title }));
    } catch (error) {
      const fields = error instanceof Problem ? error.fields : {};
      if (fields.name) setProblems({ name: t("organisation.nameRule") });
      else if (error instanceof Problem && error.code === "name_taken") setProblems({ name: saidBy(error) });
      else setProblems({ "": saidBy(error) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <TextField
        label={t("field.organisationTitle")}
        value={title}
        required
        maxLength={100}
        autoComplete="organization"
        onChange={(event) => setTitle(event.target.value)}
      />
      <TextField
        label={t("field.organisationName")}
        hint={t("organisation.nameHint", { name: name || "…" })}
        problem={problems.name}
        value={name}
        required
        maxLength={64}
        spellCheck={false}
        autoCapitalize="none"
        autoComplete="off"
        className="font-mono"
        onChange={(event) => setChosen(event.target.value)}
      />
      {problems[""] ? (
        <div role="alert">
          <Note tone="bad">{problems[""]}</Note>
        </div>
      ) : null}
      <Button type="submit" kind="primary" busy={busy}>
        {t("organisation.make")}
      </Button>
    </form>
  );
}
