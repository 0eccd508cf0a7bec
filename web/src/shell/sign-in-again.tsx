import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { queryClient } from "@/api/client";
import { live } from "@/api/live";
import { setSession } from "@/api/session";
import { renewed } from "@/api/transport";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { type Me, meQuery } from "./me";
import { SignInForm } from "./sign-in-form";
import { forgetEverything } from "./sign-out";

/** The session is over: sign in over the page, which keeps what was typed and goes on where it was. */
export default function SignInAgain() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const before = queryClient.getQueryData<Me>(meQuery.queryKey);
  // whoever signs on elsewhere does so in another tab, and comes back to this one
  useEffect(() => {
    const look = () => {
      if (document.visibilityState !== "visible") return;
      void renewed().then((again) => {
        if (!again) return;
        setSession("signed_in");
        void comeBack(before);
      });
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [before]);
  const leave = () => forgetEverything(() => navigate({ to: "/sign-in", search: {} }));
  return (
    <Dialog open title={t("signIn.againTitle")} description={t("signIn.againText")}>
      <SignInForm apart email={before?.email ?? ""} onDone={() => void comeBack(before)} />
      <Button kind="ghost" size="wide" className="mt-2" onClick={() => void leave()}>
        {t("signIn.leave")}
      </Button>
    </Dialog>
  );
}

async function comeBack(before: Me | undefined) {
  live.open();
  const now = await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
  // another person must not see what the one before had read
  if (before && now.user_id !== before.user_id) location.reload();
  void queryClient.invalidateQueries();
}
