import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { queryClient } from "@/api/client";
import { live } from "@/api/live";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { type Me, meQuery } from "./me";
import { SignInForm } from "./sign-in-form";
import { forgetEverything } from "./sign-out";

/** The session is over: sign in over the page, which keeps what was typed and goes on where it was. */
export function SignInAgain() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const before = queryClient.getQueryData<Me>(meQuery.queryKey);
  const goOn = async () => {
    live.open();
    const now = await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    // another person must not see what the one before had read
    if (before && now.user_id !== before.user_id) location.reload();
    void queryClient.invalidateQueries();
  };
  const leave = async () => {
    await forgetEverything();
    await navigate({ to: "/sign-in", search: {} });
  };
  return (
    <Dialog open title={t("signIn.againTitle")} description={t("signIn.againText")}>
      <SignInForm email={before?.email ?? ""} onDone={() => void goOn()} />
      <Button kind="ghost" size="wide" className="mt-2" onClick={() => void leave()}>
        {t("signIn.leave")}
      </Button>
    </Dialog>
  );
}
