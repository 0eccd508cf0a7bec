import i18n from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client, queryClient, send } from "@/api/client";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { meQuery, useMe } from "@/shell/me";
import { PurposeChoices } from "@/shell/purpose";
import { Card } from "@/ui/card";
import { toast } from "@/ui/toast";

export function Profile() {
  return (
    <div className="max-w-3xl space-y-4">
      <Name />
      <Email />
      <Card>
        <PurposeChoices />
      </Card>
    </div>
  );
}

/** Another address: it becomes one's own once the link in the letter to it is opened. */
function Email() {
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

function Name() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <Card title={t("settings.profile")}>
      <AccountForm
        wide={false}
        action={t("action.save")}
        fields={[{ name: "display_name", label: t("field.displayName"), autoComplete: "name", value: me.display_name }]}
        onSubmit={async ({ display_name = "" }) => {
          const { data } = await client.PATCH("/api/v1/me", {
            body: { display_name, locale: i18n.language.slice(0, 2) },
          });
          if (data) queryClient.setQueryData(meQuery.queryKey, data);
          toast(t("settings.saved"));
        }}
      />
    </Card>
  );
}
