import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { withToken } from "@/shell/by-link";
import { Front } from "@/shell/front";
import { ToSignIn } from "@/shell/to-sign-in";
import { Note } from "@/ui/note";

export const Route = createFileRoute("/verify")({ validateSearch: withToken, component: Verify });

// a button, since mail programs open links by themselves to look what is behind them
function Verify() {
  const { t } = useTranslation();
  const { token } = Route.useSearch();
  const [confirmed, setConfirmed] = useState<Api["EmailConfirmed"] | null>(null);
  return (
    <Front title={t("verify.title")}>
      {confirmed ? (
        <AccountDone action={<ToSignIn />}>{t(`verify.${confirmed.state}`, { email: confirmed.email })}</AccountDone>
      ) : token ? (
        <AccountForm
          action={t("verify.action")}
          fields={[]}
          onSubmit={async () => {
            const { data } = await client.POST("/api/v1/email-confirmations", { body: { token } });
            setConfirmed(data ?? null);
          }}
        />
      ) : (
        <Note tone="warn">{t("account.noToken")}</Note>
      )}
    </Front>
  );
}
