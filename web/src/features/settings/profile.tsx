import i18n from "i18next";
import { useTranslation } from "react-i18next";
import { client, queryClient } from "@/api/client";
import { AccountForm } from "@/shell/account-form";
import { meQuery, useMe } from "@/shell/me";
import { Card } from "@/ui/card";
import { toast } from "@/ui/toast";

export function Profile() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <Card title={t("settings.profile")}>
      <p className="mb-4 text-fg-2">{me.email}</p>
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
