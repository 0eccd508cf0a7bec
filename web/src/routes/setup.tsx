import { createFileRoute, useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { ROOT } from "@/api/root";
import { setSession } from "@/api/session";
import { Front } from "@/shell/front";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Note } from "@/ui/note";

export const Route = createFileRoute("/setup")({
  validateSearch: (search: Record<string, unknown>) => ({
    token: typeof search.token === "string" ? search.token : "",
  }),
  component: SetUp,
});

function SetUp() {
  const { t } = useTranslation();
  const router = useRouter();
  const { token } = Route.useSearch();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const setUp = async (form: FormData) => {
    setBusy(true);
    setProblem("");
    const email = String(form.get("email")).trim();
    const password = String(form.get("password"));
    try {
      await send("POST", "setup", { token, email, password, display_name: String(form.get("name")).trim() });
      setSession("signed_in");
      router.history.push(ROOT.pathname);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : t("failed.unknown"));
      setBusy(false);
    }
  };
  if (!token) {
    return (
      <Front title={t("setup.title")}>
        <Note tone="warn">{t("setup.noToken")}</Note>
      </Front>
    );
  }
  return (
    <Front title={t("setup.title")} text={t("setup.text")}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          void setUp(new FormData(event.currentTarget));
        }}
      >
        <TextField label={t("field.displayName")} name="name" autoComplete="name" required maxLength={100} />
        <TextField label={t("field.email")} name="email" type="email" autoComplete="username" required />
        <TextField
          label={t("field.password")}
          name="password"
          type="password"
          autoComplete="new-password"
          required
          hint={t("setup.passwordHint")}
        />
        {problem ? (
          <div role="alert">
            <Note tone="bad">{problem}</Note>
          </div>
        ) : null}
        <Button type="submit" kind="primary" size="wide" busy={busy}>
          {t("setup.action")}
        </Button>
      </form>
    </Front>
  );
}
