import { createFileRoute, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { kindName } from "@/features/inbox/words";
import { AccountDone, AccountForm } from "@/shell/account-form";
import { withToken } from "@/shell/by-link";
import { Front } from "@/shell/front";
import { Note } from "@/ui/note";

export const Route = createFileRoute("/unsubscribe")({ validateSearch: withToken, component: Unsubscribe });

const EVERY_KIND = "*";
type State = { ended: Api["Unsubscribed"] | null; isBack: boolean };

// a button, since mail programs open links by themselves to look what is behind them
function Unsubscribe() {
  const { t } = useTranslation();
  const { token } = Route.useSearch();
  const [{ ended, isBack }, setState] = useState<State>({ ended: null, isBack: false });
  const isAll = ended?.kind === EVERY_KIND;
  const end = async () => {
    const { data } = await client.POST("/api/v1/unsubscribe", { body: { token } });
    if (data) setState({ ended: data, isBack: false });
  };
  const undo = async () => {
    const pace = ended?.mail_pace === "never" ? "at_once" : (ended?.mail_pace ?? null);
    await client.POST("/api/v1/unsubscribe/undo", { body: { token, mail_pace: pace } });
    setState({ ended, isBack: true });
  };
  return (
    <Front title={t("unsubscribe.title")} text={t("unsubscribe.text")}>
      {!token ? (
        <Note tone="warn">{t("account.noToken")}</Note>
      ) : ended && !isBack ? (
        <AccountDone action={<AccountForm action={t("unsubscribe.undo")} fields={[]} onSubmit={undo} />}>
          {isAll ? t("unsubscribe.doneAll") : t("unsubscribe.done", { kind: kindName(ended.kind, t) })}
        </AccountDone>
      ) : (
        <>
          {isBack ? (
            <div role="status" className="mb-4">
              <Note>{t(isAll ? "unsubscribe.againAll" : "unsubscribe.again")}</Note>
            </div>
          ) : null}
          <AccountForm action={t("unsubscribe.action")} fields={[]} onSubmit={end} />
        </>
      )}
      <Link
        to="/settings"
        search={{ tab: "notifications" }}
        className="mt-6 block text-center text-sm text-accent-text hover:underline"
      >
        {t("unsubscribe.settings")}
      </Link>
    </Front>
  );
}
