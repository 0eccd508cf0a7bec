import { useQuery } from "@tanstack/react-query";
import { AtSign, UserRound, UsersRound } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { grantsKey } from "@/features/organisation/keys";
import { useMemberChoices } from "@/features/organisation/member-choices";
import { GRANTED_ROLES, useRoleOptions } from "@/features/organisation/roles";
import { useMe } from "@/shell/me";
import { Button } from "@/ui/button";
import { type Choice, Combobox } from "@/ui/combobox";
import { Dialog, DialogActions } from "@/ui/dialog";
import { Note } from "@/ui/note";
import { SelectField } from "@/ui/select";
import { EndDate, endOfDay } from "./end-date";
import { Grants } from "./grants";
import type { ObjectKind } from "./object-link";

const GROUPS_MAX = 100;
const ADDRESS = /^[^@\s]+@[^@\s]+$/;
type To = { user_email: string } | { group_id: string };
type Props = { kind: ObjectKind; address: string; onClose: () => void };

/** Gives people and groups a role on one object until a day, and shows who has one. */
export default function ShareDialog({ kind, address, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={t("sharing.title", { kind: t(`finder.${kind}`) })}
      description={kind === "run" ? t("sharing.text") : `${address} · ${t("sharing.text")}`}
    >
      {/* fresh after each, so that the next begins empty */}
      <NewGrant kind={kind} address={address} />
      <Grants kind={kind} address={address} />
      <DialogActions>
        <Button onClick={onClose}>{t("settings.done")}</Button>
      </DialogActions>
    </Dialog>
  );
}

/** Members and groups in whose name the words occur, and an address that is typed whole. */
function useGrantees(words: string): { choices: Choice[]; toOf: (id: string) => To | null } {
  const { t } = useTranslation();
  const org = useMe().organisation ?? "";
  const { members, choices } = useMemberChoices(org, words);
  const groups =
    useQuery(
      api.queryOptions("get", "/api/v1/organisations/{org}/groups", {
        params: { path: { org }, query: { limit: GROUPS_MAX } },
      }),
    ).data?.items ?? [];
  const typed = words.trim();
  const fitting = groups.filter((group) => group.name.toLowerCase().includes(typed.toLowerCase()));
  const people = choices.filter((choice) => members.find((one) => one.user_id === choice.id)?.email);
  const known = members.some((one) => one.email?.toLowerCase() === typed.toLowerCase());
  const byAddress = ADDRESS.test(typed) && !known;
  return {
    choices: [
      ...fitting.map((group) => ({
        id: group.id,
        label: group.name,
        detail: t("organisation.groupMembers", { count: group.member_count }),
        icon: UsersRound,
      })),
      ...people.map((choice) => ({ ...choice, icon: UserRound })),
      ...(byAddress ? [{ id: typed, label: typed, detail: t("sharing.byAddress"), icon: AtSign }] : []),
    ],
    toOf: (id) => {
      if (groups.some((group) => group.id === id)) return { group_id: id };
      const email = members.find((one) => one.user_id === id)?.email ?? (ADDRESS.test(id) ? id : null);
      return email ? { user_email: email } : null;
    },
  };
}

function NewGrant({ kind, address }: { kind: ObjectKind; address: string }) {
  const { t } = useTranslation();
  const options = useRoleOptions(GRANTED_ROLES);
  const [words, setWords] = useState("");
  const [to, setTo] = useState<{ label: string; to: To } | null>(null);
  const [given, setGiven] = useState(0);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const { choices, toOf } = useGrantees(words);
  const grant = async (form: FormData) => {
    const wanted = to?.to ?? toOf(words.trim());
    if (!wanted) {
      setProblem(t("sharing.choose"));
      return;
    }
    setBusy(true);
    setProblem("");
    try {
      const role = GRANTED_ROLES.find((one) => one === form.get("role")) ?? "viewer";
      await client.POST("/api/v1/grants", {
        body: { kind, address, role, ends_at: endOfDay(form.get("ends")), ...wanted },
      });
      await queryClient.invalidateQueries({ queryKey: grantsKey(kind, address) });
      setTo(null);
      setWords("");
      setGiven(given + 1);
    } catch (error) {
      setProblem(saidBy(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      key={given}
      onSubmit={(event) => {
        event.preventDefault();
        void grant(new FormData(event.currentTarget));
      }}
    >
      <div className="grid items-start gap-3 sm:grid-cols-[minmax(0,1fr)_9rem_10rem]">
        <Combobox
          label={t("sharing.with")}
          hint={t("sharing.withHint")}
          query={to?.label ?? words}
          onQuery={(next) => {
            setTo(null);
            setWords(next);
          }}
          choices={choices}
          onPick={({ id, label }) => {
            const picked = toOf(id);
            if (picked) setTo({ label, to: picked });
          }}
        />
        <SelectField name="role" label={t("field.role")} defaultValue="viewer" options={options} />
        <EndDate />
      </div>
      {problem ? (
        <div role="alert" className="mt-3">
          <Note tone="bad">{problem}</Note>
        </div>
      ) : null}
      <div className="mt-3 flex justify-end">
        <Button type="submit" kind="primary" busy={busy}>
          {t("sharing.share")}
        </Button>
      </div>
    </form>
  );
}
