import { createFileRoute } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client } from "@/api/client";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { withToken } from "@/shell/by-link";
import { Front } from "@/shell/front";
import { Note } from "@/ui/note";

export const Route = createFileRoute("/consent")({ validateSearch: withToken, component: Consent });

function Consent() {
  const { t } = useTranslation();
  const { token } = Route.useSearch();
  const [name, setName] = useState<string | null>(null);
  return (
    <Front title={t("consent.title")} text={t("consent.text")}>
      {name !== null ? (
        <AccountDone>{t("consent.done", { name })}</AccountDone>
      ) : token ? (
        <AccountForm
          action={t("consent.action")}
          fields={[]}
          onSubmit={async () => {
            const { data } = await client.POST("/api/v1/guardian-consents", { body: { token } });
            setName(data?.display_name ?? "");
          }}
        />
      ) : (
        <Note tone="warn">{t("account.noToken")}</Note>
      )}
    </Front>
  );
}
