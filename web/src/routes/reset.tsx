import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { withToken } from "@/shell/by-link";
import { Front } from "@/shell/front";
import { ToSignIn } from "@/shell/to-sign-in";
import { Note } from "@/ui/note";

export const Route = createFileRoute("/reset")({ validateSearch: withToken, component: Reset });

function Reset() {
  const { t } = useTranslation();
  const { token } = Route.useSearch();
  const [done, setDone] = useState(false);
  if (!token) {
    return (
      <Front title={t("reset.title")}>
        <Note tone="warn">{t("account.noToken")}</Note>
      </Front>
    );
  }
  return (
    <Front title={t("reset.title")}>
      {done ? (
        <AccountDone action={<ToSignIn />}>{t("reset.done")}</AccountDone>
      ) : (
        <AccountForm
          action={t("reset.action")}
          fields={[
            {
              name: "password",
              label: t("field.newPassword"),
              type: "password",
              autoComplete: "new-password",
              hint: t("setup.passwordHint"),
            },
          ]}
          onSubmit={async ({ password = "" }) => {
            await client.POST("/api/v1/password-resets/confirm", { body: { token, password } });
            setDone(true);
          }}
        />
      )}
    </Front>
  );
}
