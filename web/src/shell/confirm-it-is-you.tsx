import { Link, useRouterState } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { send } from "@/api/client";
import { endStepUp } from "@/api/step-up";
import { Button, buttonClass } from "@/ui/button";
import { Dialog, DialogActions } from "@/ui/dialog";
import { ProofForm } from "./proof-form";

/** Asks over the page to show again that it is you; what was asked for then goes on, and what was typed stays. */
export default function ConfirmItIsYou({ ways }: { ways: string[] }) {
  const { t } = useTranslation();
  const here = useRouterState({ select: (state) => state.location.href });
  const leave = () => endStepUp(false);
  if (!ways.length) {
    return (
      <Dialog open onClose={leave} title={t("stepUp.title")} description={t("stepUp.noWay")}>
        <DialogActions>
          <Button onClick={leave}>{t("action.cancel")}</Button>
          <Link to="/sign-in" search={{ to: here }} className={buttonClass({ kind: "primary" })} onClick={leave}>
            {t("signIn.action")}
          </Link>
        </DialogActions>
      </Dialog>
    );
  }
  return (
    <Dialog open onClose={leave} title={t("stepUp.title")} description={t("stepUp.text")}>
      <ProofForm
        ways={ways}
        action={t("stepUp.action")}
        askPasskey={() => send("POST", "me/step-up/passkey-options")}
        onProof={async (proof) => {
          await send("POST", "me/step-up", proof);
          endStepUp(true);
        }}
      />
    </Dialog>
  );
}
