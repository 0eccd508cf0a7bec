import { useState } from "react";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { useMe } from "@/shell/me";
import { Card } from "@/ui/card";

/** Another address: it becomes one's own once the link in the letter to it is opened. */
export function EmailAddress() {
  const { t } = useTranslation();
  const me = useMe();
  const [asked, setAsked] = useState("");
  return (
    <Card title={t("address.title")}>
      <p className="mb-4 break-words text-fg-2">{t("address.text", { email: me.email ?? t("address.none") })}</p>
      {asked ? (
        <AccountDone>{t("address.sent", { email: asked })}</AccountDone>
      ) : (
        <AccountForm
          wide={false}
          action={t("address.action")}
          fields={[
            { name: "email", label: t("address.new"), type: "email", autoComplete: "email" },
            {
              name: "password",
              label: t("field.currentPassword"),
              type: "password",
              autoComplete: "current-password",
              required: false,
              hint: t("address.passwordHint"),
            },
          ]}
          onSubmit={async ({ email = "", password = "" }) => {
            await send("POST", "me/email", { email: email.trim(), password: password || null });
            setAsked(email.trim());
          }}
        />
      )}
    </Card>
  );
}
