import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queryClient } from "@/api/client";
import { AddFactor } from "@/features/settings/add-factor";
import { Button } from "@/ui/button";
import { Front } from "./front";
import { meQuery } from "./me";
import { signOut } from "./sign-out";

/** The hub wants a second factor of whoever is signed in: until it is set up there is nothing else to do. */
export default function Enrol() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [leaving, setLeaving] = useState(false);
  const leave = async () => {
    setLeaving(true);
    const toSignIn = () => navigate({ to: "/sign-in", search: {} });
    await signOut(toSignIn).catch(toSignIn);
  };
  const goOn = async () => {
    await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    await queryClient.invalidateQueries();
  };
  return (
    <Front title={t("enrol.title")} text={t("enrol.text")}>
      <AddFactor onDone={() => void goOn()} />
      <Button kind="ghost" size="wide" className="mt-2" busy={leaving} onClick={() => void leave()}>
        {t("account.signOut")}
      </Button>
    </Front>
  );
}
