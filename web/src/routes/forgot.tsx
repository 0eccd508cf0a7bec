import { useQuery } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, client } from "@/api/client";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { Front } from "@/shell/front";
import { ToSignIn } from "@/shell/to-sign-in";
import { Note } from "@/ui/note";

export const Route = createFileRoute("/forgot")({ component: Forgot });

function Forgot() {
  const { t } = useTranslation();
  const [sent, setSent] = useState(false);
  const options = useQuery(api.queryOptions("get", "/api/v1/sign-in-options")).data;
  return (
    <Front title={t("forgot.title")} text={t("forgot.text")}>
      {sent ? (
        <AccountDone action={<ToSignIn />}>{t("account.sent")}</AccountDone>
      ) : (
        <>
          {options && !options.mail ? (
            <Note tone="warn" className="mb-4">
              {t("account.noMail")}
            </Note>
          ) : null}
          <AccountForm
            action={t("forgot.action")}
            fields={[{ name: "email", label: t("field.email"), type: "email", autoComplete: "username" }]}
            onSubmit={async ({ email = "" }) => {
              await client.POST("/api/v1/password-resets", { body: { email } });
              setSent(true);
            }}
          />
        </>
      )}
    </Front>
  );
}
