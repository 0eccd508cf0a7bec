import { UserPlus, Users, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { editItems, useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { useSettled } from "@/features/settled";
import { ago } from "@/i18n/format";
import { useMe } from "@/shell/me";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Avatar } from "./avatar";
import { membersKey } from "./keys";
import { ROLES, type Role, roleOf, useRoleOptions } from "./roles";

type Member = Api["OrganisationMember"];

/** Who is here and as what; another role counts at once, and is taken back as easily. */
export default function Members({ org, onInvite }: { org: string; onInvite: (() => void) | null }) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const [removing, setRemoving] = useState<Member | null>(null);
  const named = useSettled(words);
  const key = membersKey(org, named);
  const { query, items } = useCursor<Member>(key, (asked, signal) =>
    client.GET("/api/v1/organisations/{org}/members", {
      params: { path: { org }, query: { ...asked, ...(named ? { named } : {}) } },
      signal,
    }),
  );
  const change = async (member: Member, role: Role, { canUndo }: { canUndo: boolean }) => {
    const restore = editItems<Member>(key, (all) =>
      all.map((one) => (one.user_id === member.user_id ? { ...one, role } : one)),
    );
    try {
      await client.PATCH("/api/v1/organisations/{org}/members/{user_id}", {
        params: { path: { org, user_id: member.user_id } },
        body: { role },
      });
      const undo = canUndo ? { undo: () => void change(member, member.role, { canUndo: false }) } : {};
      toast(t("organisation.roleIs", { name: member.display_name, role: t(`role.${role}`) }), undo);
    } catch (error) {
      restore();
      toast(saidBy(error), { tone: "bad" });
    }
  };
  const remove = async (member: Member) => {
    await client.DELETE("/api/v1/organisations/{org}/members/{user_id}", {
      params: { path: { org, user_id: member.user_id } },
    });
    editItems<Member>(key, (all) => all.filter((one) => one.user_id !== member.user_id));
    toast(t("organisation.removed", { name: member.display_name }));
  };
  const invite = onInvite ? (
    <Button kind="primary" className="max-sm:w-full" onClick={onInvite}>
      <UserPlus size={15} aria-hidden />
      {t("organisation.invite")}
    </Button>
  ) : null;
  return (
    <>
      <div className="mb-4 flex flex-wrap items-end justify-between gap-3">
        <div className="w-full sm:max-w-xs">
          <TextField
            type="search"
            label={t("organisation.find")}
            value={words}
            maxLength={100}
            onChange={(event) => setWords(event.target.value)}
          />
        </div>
        {invite}
      </div>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul aria-label={t("organisation.tab.members")} className="divide-y divide-line">
              {items.map((member) => (
                <MemberRow
                  key={member.user_id}
                  member={member}
                  onRole={(role) => void change(member, role, { canUndo: true })}
                  onRemove={() => setRemoving(member)}
                />
              ))}
            </ul>
          ) : (
            <Empty icon={Users} title={t("organisation.nobodyFound")}>
              {t("organisation.nobodyFoundText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-15" />
        )}
        <More query={query} />
      </Card>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={t("organisation.removeOf", { name: removing?.display_name ?? "" })}
        text={t("organisation.removeText", { name: removing?.display_name ?? "" })}
        action={t("organisation.remove")}
        onConfirm={async () => removing && remove(removing)}
      />
    </>
  );
}

function MemberRow(props: { member: Member; onRole: (role: Role) => void; onRemove: () => void }) {
  const { member, onRole, onRemove } = props;
  const { t } = useTranslation();
  const me = useMe();
  const options = useRoleOptions(ROLES);
  const isMe = member.user_id === me.user_id;
  const name = member.display_name || member.email || "?";
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-3 px-4 py-2.5">
      <Avatar name={name} />
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-2 font-medium">
          <span className="truncate">{name}</span>
          {isMe ? <Badge tone="ok">{t("organisation.you")}</Badge> : null}
        </span>
        <span className="block truncate text-sm text-fg-3">
          {member.email ?? t("organisation.joined", { when: ago(member.joined_at) })}
        </span>
      </span>
      {me.powers.includes("members:manage") && !isMe ? (
        <span className="flex items-center gap-1 max-sm:w-full max-sm:pl-11">
          <Select
            aria-label={t("organisation.roleOf", { name })}
            value={member.role}
            options={options}
            onChange={(event) => onRole(roleOf(event.target.value))}
            className="w-36 max-sm:flex-1"
          />
          <Button kind="ghost" size="icon" aria-label={t("organisation.removeOf", { name })} onClick={onRemove}>
            <X size={15} aria-hidden />
          </Button>
        </span>
      ) : (
        <Badge>{t(`role.${member.role}`)}</Badge>
      )}
    </li>
  );
}
