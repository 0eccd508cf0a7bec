import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { AccountForm } from "@/shell/account-form";
import { Card } from "@/ui/card";
import { toast } from "@/ui/toast";

export function Security() {
  const { t } = useTranslation();
  // a fresh form once it has been sent: no password stays in a page
  const [changes, setChanges] = useState(0);
  return (
    <Card title={t("settings.changePassword")} className="max-w-xl">
      <p className="mb-4 text-fg-2">{t("settings.passwordText")}</p>
      <AccountForm
        key={changes}
        wide={false}
        action={t("settings.changePassword")}
        fields={[
          { name: "current", label: t("field.currentPassword"), type: "password", autoComplete: "current-password" },
          { name: "new", label: t("field.newPassword"), type: "password", autoComplete: "new-password" },
        ]}
        onSubmit={async (given) => {
          await client.POST("/api/v1/me/password", { body: { current: given.current ?? "", new: given.new ?? "" } });
          setChanges(changes + 1);
          toast(t("settings.passwordChanged"));
        }}
      />
    </Card>
  );
}
