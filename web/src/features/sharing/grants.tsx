import { UserRound, UsersRound, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { type Api, client, queryClient } from "@/api/client";
import { saidBy } from "@/api/problem";
import { editItems, useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { grantsKey } from "@/features/organisation/keys";
import { GRANTED_ROLES, useRoleOptions } from "@/features/organisation/roles";
import { moment } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Failed } from "@/ui/failed";
import { Select } from "@/ui/select";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import type { ObjectKind } from "./object-link";

type Grant = Api["Grant"];
const hasEnded = (grant: Grant, now = Date.now()) => grant.ends_at !== null && Date.parse(grant.ends_at) <= now;

/** Who has a role on one object; another role counts at once, and what is taken away can be given back. */
export function Grants({ kind, address }: { kind: ObjectKind; address: string }) {
  const { t } = useTranslation();
  const key = grantsKey(kind, address);
  const { query, items } = useCursor<Grant>(key, (asked, signal) =>
    client.GET("/api/v1/grants", { params: { query: { ...asked, kind, address } }, signal }),
  );
  const anew = () => queryClient.invalidateQueries({ queryKey: key });
  const give = (grant: Grant, role: Grant["role"]) => {
    const to = grant.to.group_id ? { group_id: grant.to.group_id } : { user_email: grant.to.email ?? "" };
    const ends_at = hasEnded(grant) ? null : grant.ends_at;
    return client.POST("/api/v1/grants", { body: { kind, address, role, ends_at, ...to } });
  };
  const attempt = async (restore: () => void, ask: () => Promise<unknown>) => {
    try {
      await ask();
    } catch (error) {
      restore();
      toast(saidBy(error), { tone: "bad" });
    }
    await anew();
  };
  const change = (grant: Grant, role: Grant["role"]) => {
    const restore = editItems<Grant>(key, (all) => all.map((one) => (one.id === grant.id ? { ...one, role } : one)));
    void attempt(restore, () => give(grant, role));
  };
  const revoke = (grant: Grant) => {
    const restore = editItems<Grant>(key, (all) => all.filter((one) => one.id !== grant.id));
    void attempt(restore, async () => {
      await client.DELETE("/api/v1/grants/{grant_id}", { params: { path: { grant_id: grant.id } } });
      toast(t("sharing.revoked", { name: grant.to.name }), {
        undo: () =>
          void attempt(
            () => undefined,
            () => give(grant, grant.role),
          ),
      });
    });
  };
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return (
    <section className="mt-5">
      <h3 className="mb-2 text-base font-semibold">{t("sharing.now")}</h3>
      <div className="min-h-15 rounded-md border border-line">
        {items ? (
          items.length ? (
            <ul aria-label={t("sharing.now")} className="divide-y divide-line">
              {items.map((grant) => (
                <GrantRow
                  key={grant.id}
                  grant={grant}
                  onRole={(role) => change(grant, role)}
                  onRevoke={() => revoke(grant)}
                />
              ))}
            </ul>
          ) : (
            <p className="px-3 py-5 text-center text-sm text-fg-3">{t("sharing.none")}</p>
          )
        ) : (
          <SkeletonRows rows={1} className="h-15" />
        )}
        <More query={query} />
      </div>
    </section>
  );
}

function GrantRow(props: { grant: Grant; onRole: (role: Grant["role"]) => void; onRevoke: () => void }) {
  const { grant, onRole, onRevoke } = props;
  const { t } = useTranslation();
  const options = useRoleOptions(GRANTED_ROLES);
  const Icon = grant.to.group_id ? UsersRound : UserRound;
  const ended = hasEnded(grant);
  const ends = grant.ends_at ? t("sharing.until", { when: moment(grant.ends_at) }) : t("sharing.forGood");
  return (
    <li className="flex min-h-15 flex-wrap items-center gap-3 px-3 py-2">
      <Icon size={18} aria-hidden className="shrink-0 text-fg-3" />
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-2 font-medium">
          <span className="truncate">{grant.to.name}</span>
          {ended ? <Badge>{t("sharing.ended")}</Badge> : null}
        </span>
        <span className="block truncate text-xs text-fg-3">
          {[grant.to.organisation ?? grant.to.email, ends].filter(Boolean).join(" · ")}
        </span>
      </span>
      <span className="flex items-center gap-1 max-sm:w-full max-sm:pl-8">
        <Select
          aria-label={t("organisation.roleOf", { name: grant.to.name })}
          value={grant.role}
          options={options}
          onChange={(event) => onRole(GRANTED_ROLES.find((one) => one === event.target.value) ?? "viewer")}
          className="w-34 max-sm:flex-1"
        />
        <Button kind="ghost" size="icon" aria-label={t("sharing.revokeOf", { name: grant.to.name })} onClick={onRevoke}>
          <X size={15} aria-hidden />
        </Button>
      </span>
    </li>
  );
}
