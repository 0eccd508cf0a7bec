import { UserRoundCheck, UserRoundX } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMemberChoices } from "@/features/organisation/member-choices";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Combobox } from "@/ui/combobox";
import { assign, done, type Incident } from "./acting";

/** Who looks after an incident, and how that is changed. */
export default function AssigneeCard({ incident }: { incident: Incident }) {
  const { t } = useTranslation();
  const me = useMe();
  const [words, setWords] = useState("");
  const [org = ""] = incident.dataset.split("/");
  const { choices } = useMemberChoices(org, words);
  const holder = incident.assignee;
  const give = (person: string, name: string) => {
    setWords("");
    void done(
      () => assign(incident.id, person),
      t("incident.given", { name }),
      () => assign(incident.id, holder?.user_id ?? null),
    );
  };
  return (
    <Card title={t("incident.holder")}>
      <div className="space-y-3">
        <div className="flex flex-wrap items-center justify-between gap-2">
          <span className={holder ? "font-medium" : "text-fg-2"}>
            {holder ? (holder.name ?? t("incident.former")) : t("incident.nobody")}
          </span>
          {holder ? (
            <Button kind="ghost" onClick={() => void done(() => assign(incident.id, null), t("incident.dropped"))}>
              <UserRoundX size={15} aria-hidden />
              {t("incident.drop")}
            </Button>
          ) : null}
          {holder?.user_id === me.user_id ? null : (
            <Button onClick={() => give(me.user_id, t("incident.you"))}>
              <UserRoundCheck size={15} aria-hidden />
              {t("incident.take")}
            </Button>
          )}
        </div>
        <Combobox
          label={t("incident.give")}
          query={words}
          onQuery={setWords}
          choices={choices.filter((one) => one.id !== holder?.user_id)}
          onPick={({ id, label }) => give(id, label)}
        />
      </div>
    </Card>
  );
}
