import { Trash2, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { editItems, useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { AccountForm } from "@/shell/account-form";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { Combobox } from "@/ui/combobox";
import { Confirm } from "@/ui/confirm";
import { Dialog, DialogActions } from "@/ui/dialog";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { Avatar } from "./avatar";
import type { Group } from "./groups";
import { groupMembersKey, groupsKey } from "./keys";
import { useMemberChoices } from "./member-choices";

type InGroup = Api["GroupMember"];
const MEMBERS = "/api/v1/organisations/{org}/groups/{group_id}/members";
const MEMBER = "/api/v1/organisations/{org}/groups/{group_id}/members/{user_id}";

/** One group: its name, who is in it, and its end. */
export function GroupDialog({ org, group, onClose }: { org: string; group: Group; onClose: () => void }) {
  const { t } = useTranslation();
  const manages = useMe().powers.includes("members:manage");
  const [dissolving, setDissolving] = useState(false);
  const path = { org, group_id: group.id };
  const anew = () => queryClient.invalidateQueries({ queryKey: groupsKey(org), exact: true });
  return (
    <Dialog
      open
      onClose={onClose}
      title={group.name}
      description={t("organisation.groupMembers", { count: group.member_count })}
    >
      {manages ? (
        <AccountForm
          wide={false}
          action={t("organisation.rename")}
          fields={[{ name: "name", label: t("field.groupName"), value: group.name, autoComplete: "off" }]}
          onSubmit={async ({ name = "" }) => {
            await client.PATCH("/api/v1/organisations/{org}/groups/{group_id}", { params: { path }, body: { name } });
            await anew();
            toast(t("settings.saved"));
          }}
        />
      ) : null}
      <GroupMembers org={org} id={group.id} manages={manages} onChange={() => void anew()} />
      <DialogActions>
        {manages ? (
          <Button kind="danger" onClick={() => setDissolving(true)}>
            <Trash2 size={15} aria-hidden />
            {t("organisation.dissolve")}
          </Button>
        ) : null}
        <Button onClick={onClose}>{t("action.close")}</Button>
      </DialogActions>
      <Confirm
        open={dissolving}
        onClose={() => setDissolving(false)}
        title={t("organisation.dissolveOf", { name: group.name })}
        text={t("organisation.dissolveText")}
        action={t("organisation.dissolve")}
        onConfirm={async () => {
          await client.DELETE("/api/v1/organisations/{org}/groups/{group_id}", { params: { path } });
          onClose();
        }}
      />
    </Dialog>
  );
}

function GroupMembers(props: { org: string; id: string; manages: boolean; onChange: () => void }) {
  const { org, id, manages, onChange } = props;
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const key = groupMembersKey(org, id);
  const path = { org, group_id: id };
  const { query, items } = useCursor<InGroup>(key, (asked, signal) =>
    client.GET(MEMBERS, { params: { path, query: asked }, signal }),
  );
  const { members, choices } = useMemberChoices(org, words);
  const there = new Set(items?.map((one) => one.user_id));
  const add = async (person: Omit<InGroup, "added_at">) => {
    const shown: InGroup = { ...person, added_at: new Date().toISOString() };
    const restore = editItems<InGroup>(key, (all) => [shown, ...all.filter((one) => one.user_id !== person.user_id)]);
    try {
      await client.POST(MEMBERS, { params: { path }, body: { user_id: person.user_id } });
      onChange();
    } catch (error) {
      restore();
      toast(saidBy(error), { tone: "bad" });
    }
  };
  const remove = async (person: InGroup) => {
    const restore = editItems<InGroup>(key, (all) => all.filter((one) => one.user_id !== person.user_id));
    try {
      await client.DELETE(MEMBER, { params: { path: { ...path, user_id: person.user_id } } });
      onChange();
      toast(t("organisation.outOfGroup", { name: person.display_name }), { undo: () => void add(person) });
    } catch (error) {
      restore();
      toast(saidBy(error), { tone: "bad" });
    }
  };
  return (
    <>
      {manages ? (
        <div className="mt-4">
          <Combobox
            label={t("organisation.addToGroup")}
            query={words}
            onQuery={setWords}
            choices={choices.filter((one) => !there.has(one.id))}
            onPick={({ id: user_id }) => {
              const member = members.find((one) => one.user_id === user_id);
              if (!member) return;
              setWords("");
              void add({ user_id, display_name: member.display_name, email: member.email });
            }}
          />
        </div>
      ) : null}
      <div className="mt-4 min-h-24 overflow-hidden rounded-md border border-line">
        {items ? (
          items.length ? (
            <ul aria-label={t("organisation.inGroup")} className="divide-y divide-line">
              {items.map((person) => (
                <li key={person.user_id} className="flex min-h-12 items-center gap-3 px-3 py-1.5">
                  <Avatar name={person.display_name || person.email || "?"} />
                  <span className="min-w-0 flex-1">
                    <span className="block truncate font-medium">{person.display_name || person.email}</span>
                    <span className="block truncate text-xs text-fg-3">{person.email}</span>
                  </span>
                  {manages ? (
                    <Button
                      kind="ghost"
                      size="icon"
                      aria-label={t("organisation.takeOut", { name: person.display_name })}
                      onClick={() => void remove(person)}
                    >
                      <X size={15} aria-hidden />
                    </Button>
                  ) : null}
                </li>
              ))}
            </ul>
          ) : (
            <p className="px-3 py-8 text-center text-sm text-fg-3">{t("organisation.emptyGroup")}</p>
          )
        ) : (
          <SkeletonRows rows={2} className="h-12" />
        )}
        <More query={query} />
      </div>
    </>
  );
}
