import { useState } from "react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { setSession } from "@/api/session";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";

type Answer = { state: "signed_in" } | { state: "second_factor"; ticket: string; methods: string[] };

/** E-mail and password; what goes wrong is said above the button, and nothing that was typed is lost. */
export function SignInForm({ email = "", onDone }: { email?: string; onDone: () => void }) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const signIn = async (form: FormData) => {
    setBusy(true);
    setProblem("");
    try {
      const given = { email: String(form.get("email")).trim(), password: String(form.get("password")) };
      const answer = await send<Answer>("POST", "sessions", given);
      if (answer.state === "second_factor") {
        setProblem(t("signIn.secondFactorElsewhere"));
        return;
      }
      setSession("signed_in");
      onDone();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : t("failed.unknown"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn(new FormData(event.currentTarget));
      }}
    >
      <TextField
        label={t("field.email")}
        name="email"
        type="email"
        autoComplete="username"
        required
        defaultValue={email}
      />
      <TextField label={t("field.password")} name="password" type="password" autoComplete="current-password" required />
      {problem ? (
        <div role="alert">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      <Button type="submit" kind="primary" size="wide" busy={busy}>
        {t("signIn.action")}
      </Button>
    </form>
  );
}
