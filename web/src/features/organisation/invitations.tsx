import { Link2, MailPlus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { editItems, useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, count } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { InviteDialog } from "./invite-dialog";
import { invitationsKey } from "./keys";
import { roleOf } from "./roles";

type Invitation = Api["Invitation"];

/** Links by which people come in: who made one shows it once, and can take it back. */
export default function Invitations({ org }: { org: string }) {
  const { t } = useTranslation();
  const [inviting, setInviting] = useState(false);
  const [revoking, setRevoking] = useState<Invitation | null>(null);
  const key = invitationsKey(org);
  const { query, items } = useCursor<Invitation>(key, (asked, signal) =>
    client.GET("/api/v1/organisations/{org}/invitations", { params: { path: { org }, query: asked }, signal }),
  );
  const revoke = async (invitation: Invitation) => {
    await client.DELETE("/api/v1/organisations/{org}/invitations/{invitation_id}", {
      params: { path: { org, invitation_id: invitation.id } },
    });
    const now = new Date().toISOString();
    editItems<Invitation>(key, (all) =>
      all.map((one) => (one.id === invitation.id ? { ...one, revoked_at: now } : one)),
    );
    toast(t("organisation.invitationRevoked"));
  };
  const invite = (
    <Button kind="primary" onClick={() => setInviting(true)}>
      <MailPlus size={15} aria-hidden />
      {t("organisation.invite")}
    </Button>
  );
  return (
    <>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush title={t("organisation.tab.invitations")} actions={invite}>
        {items ? (
          items.length ? (
            <ul aria-label={t("organisation.tab.invitations")} className="divide-y divide-line">
              {items.map((one) => (
                <InvitationRow key={one.id} invitation={one} onRevoke={() => setRevoking(one)} />
              ))}
            </ul>
          ) : (
            <Empty icon={MailPlus} title={t("organisation.noInvitations")} action={invite}>
              {t("organisation.noInvitationsText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-15" />
        )}
        <More query={query} />
      </Card>
      {inviting ? (
        <InviteDialog
          org={org}
          onClose={() => {
            setInviting(false);
            void queryClient.invalidateQueries({ queryKey: key });
          }}
        />
      ) : null}
      <Confirm
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={t("organisation.revokeInvitation")}
        text={t("organisation.revokeInvitationText")}
        action={t("organisation.revoke")}
        onConfirm={async () => revoking && revoke(revoking)}
      />
    </>
  );
}

type State = "open" | "revoked" | "used" | "expired";

export function stateOf(invitation: Invitation, now = Date.now()): State {
  if (invitation.revoked_at) return "revoked";
  if (invitation.uses >= invitation.uses_max) return "used";
  return Date.parse(invitation.expires_at) <= now ? "expired" : "open";
}

function InvitationRow({ invitation, onRevoke }: { invitation: Invitation; onRevoke: () => void }) {
  const { t } = useTranslation();
  const state = stateOf(invitation);
  const facts = [
    t("organisation.made", { when: ago(invitation.created_at) }),
    t("organisation.uses", { uses: count(invitation.uses), of: count(invitation.uses_max) }),
    state === "open" ? t("organisation.ends", { when: ago(invitation.expires_at) }) : "",
  ];
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
      <Link2 size={18} aria-hidden className="shrink-0 text-fg-3" />
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-2 font-medium">
          <span className="truncate">{invitation.email ?? t("organisation.anyone")}</span>
          <Badge>{t(`role.${roleOf(invitation.role)}`)}</Badge>
        </span>
        <span className="block text-sm text-fg-3">{facts.filter(Boolean).join(" · ")}</span>
      </span>
      {state === "open" ? (
        <Button onClick={onRevoke}>{t("organisation.revoke")}</Button>
      ) : (
        <Badge tone={state === "used" ? "ok" : "neutral"}>{t(`organisation.invitationState.${state}`)}</Badge>
      )}
    </li>
  );
}
