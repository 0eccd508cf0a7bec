import { Link } from "@tanstack/react-router";
import { Check, KeyRound, Link2, Upload } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { hubAddress } from "@/api/root";
import { moment } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { Button, buttonClass } from "@/ui/button";
import { Card } from "@/ui/card";
import { Code } from "@/ui/code";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { toast } from "@/ui/toast";

const ROLES = ["viewer", "reviewer", "maintainer"] as const;
type Role = (typeof ROLES)[number];

/** Three ways in: a table, a notebook, somebody else. */
export default function FirstSteps() {
  const { powers, organisation } = useMe();
  return (
    <div className="grid gap-4 md:grid-cols-2 xl:auto-cols-fr xl:grid-flow-col xl:grid-cols-none">
      {powers.includes("datasets:write") ? <BringData /> : null}
      <Notebook />
      {powers.includes("members:manage") && organisation ? <Invite organisation={organisation} /> : null}
    </div>
  );
}

/** Text above, what to do at the bottom edge, so that cards of one row end alike. */
function StepCard({ title, children, action }: { title: string; children: ReactNode; action: ReactNode }) {
  return (
    <Card title={title}>
      <div className="flex h-full flex-col gap-3">
        <div className="flex-1 space-y-3">{children}</div>
        <div>{action}</div>
      </div>
    </Card>
  );
}

function BringData() {
  const { t } = useTranslation();
  return (
    <StepCard
      title={t("overview.bring")}
      action={
        <Link to="/datasets" search={{ upload: true }} className={buttonClass({ kind: "primary" })}>
          <Upload size={15} aria-hidden />
          {t("dataset.upload")}
        </Link>
      }
    >
      <p className="text-fg-2">{t("overview.bringText")}</p>
      <ul className="space-y-1.5 text-sm text-fg-2">
        {[t("dataset.formats"), t("overview.bringWhat"), t("dataset.uploadText")].map((fact) => (
          <li key={fact} className="flex gap-2">
            <Check size={15} aria-hidden className="mt-0.5 shrink-0 text-ok" />
            <span className="min-w-0">{fact}</span>
          </li>
        ))}
      </ul>
    </StepCard>
  );
}

function Notebook() {
  const { t } = useTranslation();
  const [secret, setSecret] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/api-keys", { body: { name: t("overview.keyName") } });
      if (data) setSecret(data.secret);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <StepCard
      title={t("overview.notebook")}
      action={
        secret ? (
          <div role="status">
            <Note tone="warn">{t("overview.keyMade")}</Note>
          </div>
        ) : (
          <Button busy={busy} onClick={() => void make()}>
            <KeyRound size={15} aria-hidden />
            {t("settings.makeKey")}
          </Button>
        )
      }
    >
      <p className="text-fg-2">{t("overview.keyText")}</p>
      <Code label={t("overview.notebook")}>
        {`from lyceum_client import Client\nhub = Client("${hubAddress()}", "${secret ?? "lyk_…"}")\nhub.datasets.list()`}
      </Code>
    </StepCard>
  );
}

function Invite({ organisation }: { organisation: string }) {
  const { t } = useTranslation();
  const [role, setRole] = useState<Role>("viewer");
  const [made, setMade] = useState<Api["InvitationMade"] | null>(null);
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      const { data } = await client.POST("/api/v1/organisations/{org}/invitations", {
        params: { path: { org: organisation } },
        body: { role },
      });
      if (data) setMade(data);
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <StepCard
      title={t("overview.invite")}
      action={
        made ? (
          <div role="status">
            <Note tone="warn">{t("overview.inviteOnce", { when: moment(made.expires_at) })}</Note>
          </div>
        ) : (
          <Button busy={busy} onClick={() => void make()}>
            <Link2 size={15} aria-hidden />
            {t("overview.inviteMake")}
          </Button>
        )
      }
    >
      <p className="text-fg-2">{t("overview.inviteText")}</p>
      {made ? (
        <Code label={t("overview.inviteLink")}>{made.url}</Code>
      ) : (
        <SelectField
          label={t("overview.inviteRole")}
          value={role}
          options={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))}
          onChange={(event) => setRole(ROLES.find((one) => one === event.target.value) ?? "viewer")}
        />
      )}
    </StepCard>
  );
}
