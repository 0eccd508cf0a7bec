import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useMe } from "@/shell/me";
import { buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { PageHead } from "@/ui/page-head";
import { CreateForm } from "./create-form";

/** For somebody who is in no organisation yet: make one, wait for an invitation, or use what is shared. */
export default function First() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <>
      <PageHead
        title={t("organisation.welcome", { name: me.display_name || me.email || "" })}
        facts={t("organisation.welcomeText")}
      />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card title={t("organisation.create")}>
          <p className="mb-4 text-fg-2">{t("organisation.createText")}</p>
          <CreateForm />
        </Card>
        <div className="space-y-4">
          <Card title={t("organisation.haveInvited")}>
            <p className="text-fg-2">{t("organisation.haveInvitedText", { email: me.email ?? "" })}</p>
          </Card>
          <Card title={t("organisation.view.shared")}>
            <p className="mb-3 text-fg-2">{t("organisation.sharedFirstText")}</p>
            <Link to="/organisation" search={{ tab: "requests", view: "shared" }} className={buttonClass()}>
              {t("organisation.toShared")}
            </Link>
          </Card>
        </div>
      </div>
    </>
  );
}
