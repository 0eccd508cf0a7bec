import { useQuery } from "@tanstack/react-query";
import { createFileRoute, useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, client, queryClient } from "@/api/client";
import { actIn } from "@/api/organisation";
import { ROOT } from "@/api/root";
import { AccountForm } from "@/shell/account-form";
import { withToken } from "@/shell/by-link";
import { Front } from "@/shell/front";
import { meQuery } from "@/shell/me";
import { SignInForm } from "@/shell/sign-in-form";
import { SignUpForm } from "@/shell/sign-up-form";
import { Button } from "@/ui/button";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";

export const Route = createFileRoute("/join")({ validateSearch: withToken, component: Join });

function Join() {
  const { t } = useTranslation();
  const router = useRouter();
  const { token } = Route.useSearch();
  const [signsIn, setSignsIn] = useState(false);
  const me = useQuery({ ...meQuery, retry: false });
  const options = useQuery(api.queryOptions("get", "/api/v1/sign-in-options")).data;
  const invitation = useQuery({
    ...api.queryOptions("get", "/api/v1/invitations/{token}", { params: { path: { token } } }),
    enabled: token !== "",
    retry: false,
  });
  const seen = invitation.data;
  const enter = async (organisation: string) => {
    actIn(organisation);
    await queryClient.resetQueries();
    router.history.push(ROOT.pathname);
  };
  if (!token) {
    return (
      <Front title={t("join.titleAny")}>
        <Note tone="warn">{t("account.noToken")}</Note>
      </Front>
    );
  }
  if (invitation.error) {
    return (
      <Front title={t("join.titleAny")}>
        <Failed error={invitation.error} />
      </Front>
    );
  }
  if (!seen || !options || me.isPending) {
    return (
      <Front title={t("join.titleAny")}>
        <Skeleton className="h-64" />
      </Front>
    );
  }
  return (
    <Front
      title={t("join.title", { organisation: seen.organisation_title })}
      text={t("join.text", { inviter: seen.inviter ?? "Lyceum", role: seen.role })}
    >
      {me.data ? (
        <AccountForm
          action={t("join.action")}
          fields={[]}
          onSubmit={async () => {
            await client.POST("/api/v1/invitations/{token}/accept", { params: { path: { token } } });
            await enter(seen.organisation);
          }}
        />
      ) : signsIn ? (
        <SignInForm to={`/join?token=${token}`} onDone={() => void me.refetch()} />
      ) : (
        <SignUpForm
          options={options}
          invitation={token}
          email={seen.email ?? ""}
          onDone={() => void enter(seen.organisation)}
        />
      )}
      {me.data ? null : (
        <Button kind="ghost" size="wide" className="mt-2" onClick={() => setSignsIn(!signsIn)}>
          {t(signsIn ? "signIn.register" : "join.asOther")}
        </Button>
      )}
    </Front>
  );
}
