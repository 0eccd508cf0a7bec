import { useQuery } from "@tanstack/react-query";
import { createFileRoute, useRouter } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, client } from "@/api/client";
import { Problem, saidBy } from "@/api/problem";
import { ROOT } from "@/api/root";
import { roleOf } from "@/features/organisation/roles";
import { AccountForm } from "@/shell/account-form";
import { withToken } from "@/shell/by-link";
import { changeOrganisation } from "@/shell/change-organisation";
import { BLANK_LINE, Front } from "@/shell/front";
import { meQuery } from "@/shell/me";
import { SignInForm } from "@/shell/sign-in-form";
import { signOut } from "@/shell/sign-out";
import { SignUpForm } from "@/shell/sign-up-form";
import { Button } from "@/ui/button";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

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
    await changeOrganisation(organisation);
    router.history.push(ROOT.pathname);
  };
  const becomeAnother = async () => {
    try {
      await signOut(async () => setSignsIn(true));
      await me.refetch();
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
  };
  if (!token) {
    return (
      <Front title={t("join.titleAny")}>
        <Note tone="warn">{t("account.noToken")}</Note>
      </Front>
    );
  }
  if (invitation.error) {
    const over = invitation.error instanceof Problem && invitation.error.status === 410;
    return (
      <Front title={t("join.titleAny")} text={over ? t("join.expired") : undefined}>
        <Failed error={invitation.error} {...(over ? {} : { retry: () => void invitation.refetch() })} />
      </Front>
    );
  }
  if (!seen || !options || me.isPending) {
    return (
      <Front title={t("join.titleAny")} text={BLANK_LINE}>
        <Skeleton className="h-64" />
      </Front>
    );
  }
  return (
    <Front
      title={t("join.title", { organisation: seen.organisation_title })}
      text={t("join.text", { inviter: seen.inviter ?? "Lyceum", role: t(`role.${roleOf(seen.role)}`) })}
    >
      {me.data ? (
        <>
          <Note className="mb-4">{t("join.asSelf", { name: me.data.display_name || me.data.email || "?" })}</Note>
          <AccountForm
            action={t("join.action")}
            fields={[]}
            onSubmit={async () => {
              await client.POST("/api/v1/invitations/{token}/accept", { params: { path: { token } } });
              await enter(seen.organisation);
            }}
          />
          <Other onClick={() => void becomeAnother()}>{t("join.otherAccount")}</Other>
        </>
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
        <Other onClick={() => setSignsIn(!signsIn)}>{t(signsIn ? "signIn.register" : "join.asOther")}</Other>
      )}
    </Front>
  );
}

function Other({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <Button kind="ghost" size="wide" className="mt-2" onClick={onClick}>
      {children}
    </Button>
  );
}
