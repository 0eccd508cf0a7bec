import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { useSettled } from "@/features/settled";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

export type AuditSearch = { actor?: string; action?: string; object?: string; from?: string; to?: string };
const FOUND_MAX = 8;

type Props = { search: AuditSearch; actions: string[]; onChange: (next: AuditSearch) => void };

/** What of the log is wanted; it stands in the address. */
export function AuditFilters({ search, actions, onChange }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const set = (name: keyof AuditSearch, value: string) => {
    const { [name]: _, ...rest } = search;
    onChange(value ? { ...rest, [name]: value } : rest);
  };
  const any = Object.keys(search).length > 0;
  return (
    <form className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-5" onSubmit={(event) => event.preventDefault()}>
      <ActorField actor={search.actor} onChange={(actor) => set("actor", actor)} />
      <Typed
        key={`action ${search.action ?? ""}`}
        label={t("admin.audit.action")}
        value={search.action ?? ""}
        list={`${id}-actions`}
        onChange={(value) => set("action", value)}
      />
      <Typed
        key={`object ${search.object ?? ""}`}
        label={t("admin.audit.object")}
        value={search.object ?? ""}
        onChange={(value) => set("object", value)}
      />
      <TextField
        label={t("admin.audit.from")}
        type="date"
        value={search.from ?? ""}
        onChange={(event) => set("from", event.target.value)}
      />
      <TextField
        label={t("admin.audit.to")}
        type="date"
        value={search.to ?? ""}
        onChange={(event) => set("to", event.target.value)}
      />
      <datalist id={`${id}-actions`}>
        {actions.map((action) => (
          <option key={action} value={action} />
        ))}
      </datalist>
      {any ? (
        <Button type="reset" className="col-span-2 justify-self-start lg:col-span-5" onClick={() => onChange({})}>
          {t("admin.audit.all")}
        </Button>
      ) : null}
    </form>
  );
}

type TypedProps = { label: string; value: string; list?: string; onChange: (value: string) => void };

/** Text that filters once its field is left, or by Enter. */
function Typed({ label, value, list, onChange }: TypedProps) {
  return (
    <TextField
      label={label}
      defaultValue={value}
      list={list}
      autoComplete="off"
      spellCheck={false}
      maxLength={300}
      onBlur={(event) => event.target.value.trim() !== value && onChange(event.target.value.trim())}
      onKeyDown={(event) => event.key === "Enter" && onChange(event.currentTarget.value.trim())}
    />
  );
}

/** Somebody by their name or address: who is meant once only one fits exactly. */
function ActorField({ actor, onChange }: { actor: string | undefined; onChange: (id: string) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const wanted = useSettled(typed ?? "");
  const found = useQuery({
    ...api.queryOptions("get", "/api/v1/admin/users", { params: { query: { q: wanted, limit: FOUND_MAX } } }),
    enabled: wanted.length > 1,
  });
  const named = useQuery({
    ...api.queryOptions("get", "/api/v1/admin/users/{user_id}", { params: { path: { user_id: actor ?? "" } } }),
    enabled: Boolean(actor),
    retry: false,
  });
  const people = (wanted.length > 1 && found.data?.items) || [];
  // what was settled a moment ago is nobody's wish any more once it was chosen or taken back
  const isWished = typed?.trim() === wanted;
  const meant = isWished ? people.filter((one) => one.email === wanted || one.display_name === wanted) : [];
  const meantId = meant.length === 1 ? meant[0]?.id : undefined;
  useEffect(() => {
    if (!meantId || meantId === actor) return;
    onChange(meantId);
    setTyped(null);
  }, [meantId, actor, onChange]);
  const shown = actor ? (named.data?.email ?? named.data?.display_name ?? actor.slice(0, 8)) : "";
  return (
    <>
      <TextField
        label={t("admin.audit.actor")}
        value={typed ?? shown}
        list={`${id}-people`}
        autoComplete="off"
        onChange={(event) => {
          setTyped(event.target.value);
          if (!event.target.value && actor) onChange("");
        }}
        onBlur={() => typed === "" && setTyped(null)}
      />
      <datalist id={`${id}-people`}>
        {people.map((one) => (
          <option key={one.id} value={one.email ?? one.display_name}>
            {one.display_name}
          </option>
        ))}
      </datalist>
    </>
  );
}
