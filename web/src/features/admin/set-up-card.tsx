import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { StatusList, useStatus } from "./status-list";

const KEPT = "lyceum.set-up.dismissed";

/** For whoever runs the hub: what is not set up yet, until it is or they have seen enough of it. */
export default function SetUpCard() {
  const { t } = useTranslation();
  const [dismissed, setDismissed] = useState(() => localStorage.getItem(KEPT) ?? "");
  const { data } = useStatus();
  const lacking = data?.items.filter((item) => item.state !== "ok") ?? [];
  const names = lacking.map((item) => item.name).join(" ");
  // what comes to lack later is shown again
  if (!names || names === dismissed) return null;
  const dismiss = () => {
    localStorage.setItem(KEPT, names);
    setDismissed(names);
  };
  return (
    <Card
      flush
      className="mt-4"
      title={t("admin.setUp")}
      actions={
        <Button kind="ghost" onClick={dismiss}>
          {t("admin.dismiss")}
        </Button>
      }
    >
      <StatusList items={lacking} />
    </Card>
  );
}
