import { useState } from "react";
import { useTranslation } from "react-i18next";
import { client, queryClient } from "@/api/client";
import { AccountForm } from "@/shell/account-form";
import { changeOrganisation } from "@/shell/change-organisation";
import { meQuery, useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Combobox } from "@/ui/combobox";
import { Confirm } from "@/ui/confirm";
import { toast } from "@/ui/toast";
import { useMemberChoices } from "./member-choices";

type Of = { org: string; title: string };

/** Its title, and its ways out: to another owner, away from it, and its end. */
export default function OrganisationSettings({ org, title }: Of) {
  const owns = useMe().powers.includes("organisation:manage");
  return (
    <div className="grid max-w-xl gap-4">
      {owns ? <Title org={org} title={title} /> : null}
      {owns ? <Transfer org={org} title={title} /> : null}
      <Leave org={org} title={title} />
      {owns ? <End org={org} title={title} /> : null}
    </div>
  );
}

/** Where one acts once one is in this one no more. */
function useNext(org: string) {
  return useMe().organisations.find((one) => one.name !== org)?.name ?? null;
}

function Title({ org, title }: Of) {
  const { t } = useTranslation();
  return (
    <Card title={t("field.organisationTitle")}>
      <AccountForm
        key={title}
        wide={false}
        action={t("action.save")}
        fields={[
          {
            name: "title",
            label: t("field.organisationTitle"),
            value: title,
            hint: t("organisation.titleHint", { name: org }),
          },
        ]}
        onSubmit={async ({ title: wanted = "" }) => {
          await client.PATCH("/api/v1/organisations/{org}", { params: { path: { org } }, body: { title: wanted } });
          await queryClient.invalidateQueries({ queryKey: meQuery.queryKey });
          toast(t("settings.saved"));
        }}
      />
    </Card>
  );
}

function Transfer({ org, title }: Of) {
  const { t } = useTranslation();
  const me = useMe();
  const [words, setWords] = useState("");
  const [to, setTo] = useState<{ id: string; label: string } | null>(null);
  const [asking, setAsking] = useState(false);
  const { choices } = useMemberChoices(org, words);
  return (
    <Card title={t("organisation.transfer")}>
      <p className="mb-3 text-fg-2">{t("organisation.transferText")}</p>
      <Combobox
        label={t("organisation.newOwner")}
        query={to?.label ?? words}
        onQuery={(next) => {
          setTo(null);
          setWords(next);
        }}
        choices={choices.filter((one) => one.id !== me.user_id)}
        onPick={setTo}
      />
      <Button className="mt-3" disabled={!to} onClick={() => setAsking(true)}>
        {t("organisation.transfer")}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("organisation.transferOf", { title, name: to?.label ?? "" })}
        text={t("organisation.transferAsk", { name: to?.label ?? "" })}
        action={t("organisation.transfer")}
        onConfirm={async () => {
          if (!to) return;
          await client.POST("/api/v1/organisations/{org}/transfer", {
            params: { path: { org } },
            body: { user_id: to.id },
          });
          await changeOrganisation(org);
          toast(t("organisation.transferred", { name: to.label }));
        }}
      />
    </Card>
  );
}

function Leave({ org, title }: Of) {
  const { t } = useTranslation();
  const next = useNext(org);
  const [asking, setAsking] = useState(false);
  return (
    <Card title={t("organisation.leave")}>
      <p className="mb-3 text-fg-2">{t("organisation.leaveText")}</p>
      <Button kind="danger" onClick={() => setAsking(true)}>
        {t("organisation.leave")}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("organisation.leaveOf", { title })}
        text={t("organisation.leaveText")}
        action={t("organisation.leave")}
        onConfirm={async () => {
          await client.POST("/api/v1/organisations/{org}/leave", { params: { path: { org } } });
          await changeOrganisation(next);
          toast(t("organisation.left", { title }));
        }}
      />
    </Card>
  );
}

function End({ org, title }: Of) {
  const { t } = useTranslation();
  const next = useNext(org);
  const [asking, setAsking] = useState(false);
  return (
    <Card title={t("organisation.delete")}>
      <p className="mb-3 text-fg-2">{t("organisation.deleteText")}</p>
      <Button kind="danger" onClick={() => setAsking(true)}>
        {t("organisation.delete")}
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t("organisation.deleteOf", { title })}
        text={t("organisation.deleteText")}
        typed={org}
        action={t("organisation.delete")}
        onConfirm={async () => {
          await client.DELETE("/api/v1/organisations/{org}", { params: { path: { org } }, body: { name: org } });
          await changeOrganisation(next);
          toast(t("organisation.deleted", { title }));
        }}
      />
    </Card>
  );
}
