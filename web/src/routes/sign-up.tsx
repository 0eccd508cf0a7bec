import { useQuery } from "@tanstack/react-query";
import { createFileRoute, useRouter } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { ROOT } from "@/api/root";
import { Front } from "@/shell/front";
import { SignUpForm } from "@/shell/sign-up-form";
import { ToSignIn } from "@/shell/to-sign-in";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { Skeleton } from "@/ui/skeleton";

export const Route = createFileRoute("/sign-up")({ component: SignUp });

function SignUp() {
  const { t } = useTranslation();
  const router = useRouter();
  const query = useQuery(api.queryOptions("get", "/api/v1/sign-in-options"));
  const options = query.data;
  const closed = options?.registration === "off" || options?.registration === "invitation";
  return (
    <Front title={t("signUp.title")}>
      {query.isError ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      {options ? (
        closed ? (
          <div className="space-y-4">
            <Note>{t("signUp.off")}</Note>
            <ToSignIn />
          </div>
        ) : (
          <SignUpForm options={options} onDone={() => router.history.push(ROOT.pathname)} />
        )
      ) : (
        <Skeleton className="h-64" />
      )}
    </Front>
  );
}
