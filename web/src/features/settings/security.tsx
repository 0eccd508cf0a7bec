import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { AccountForm } from "@/shell/account-form";
import { signInOptions } from "@/shell/sign-in-options";
import { Card } from "@/ui/card";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { factorsQuery } from "./add-factor";
import { Connections, connectionsQuery } from "./connections";
import { Factors } from "./factors";
import { Programs, programsQuery } from "./programs";

/** What somebody shows that it is them: factors, connections, the password. */
export default function Security() {
  const asked = [useQuery(factorsQuery), useQuery(connectionsQuery), useQuery(programsQuery), useQuery(signInOptions)];
  // all at once, since each would push the next aside
  if (asked.some((query) => query.isPending)) {
    return (
      <Card flush className="max-w-xl">
        <SkeletonRows rows={6} />
      </Card>
    );
  }
  return (
    <div className="max-w-xl space-y-4">
      <Factors />
      <Connections />
      <Programs />
      <Password />
    </div>
  );
}

function Password() {
  const { t } = useTranslation();
  const factors = useQuery(factorsQuery).data;
  // a fresh form once it has been sent: no password stays in a page
  const [changes, setChanges] = useState(0);
  if (factors && !factors.has_password) {
    return (
      <Card title={t("settings.noPassword")}>
        <p className="text-fg-2">{t("settings.noPasswordText")}</p>
      </Card>
    );
  }
  return (
    <Card title={t("settings.changePassword")}>
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
