import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { roleOf } from "@/features/organisation/roles";
import { ago } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { PersonButton } from "./person-button";

const load = () => import("./person-menu");
const PersonMenu = lazy(load);

export type PersonAction = "suspend" | "restore" | "administrator" | "notAdministrator" | "link" | "act";

export type PersonProps = { person: Api["Person"]; isMe: boolean; onAction: (action: PersonAction) => void };

/** A person of the hub with what can be done about them. */
export function PersonRow({ person, isMe, onAction }: PersonProps) {
  const { t } = useTranslation();
  const name = person.display_name || person.email || "?";
  const organisations = person.organisations.map((one) => `${one.name} (${t(`role.${roleOf(one.role)}`)})`);
  const suspended = person.suspended_at !== null;
  return (
    <li className="flex min-h-15 items-center gap-3 px-4 py-2.5">
      <span className="min-w-0 flex-1">
        <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="min-w-0 truncate font-medium">{name}</span>
          {isMe ? <Badge>{t("admin.you")}</Badge> : null}
          {person.administrator ? <Badge tone="accent">{t("admin.administrator")}</Badge> : null}
          {suspended ? <Badge tone="bad">{t("admin.suspended")}</Badge> : null}
          {person.deletion_due_at ? <Badge tone="warn">{t("admin.leaving")}</Badge> : null}
        </span>
        <span className="block truncate text-sm text-fg-2">{person.email}</span>
        <span className="block truncate text-xs text-fg-3">
          {[t("admin.since", { when: ago(person.created_at) }), ...organisations].join(" · ")}
        </span>
      </span>
      <PersonActions person={person} isMe={isMe} onAction={onAction} />
    </li>
  );
}

/** The menu comes when it is first asked for: it is more script than the page around it. */
function PersonActions({ person, isMe, onAction }: PersonProps) {
  const [wanted, setWanted] = useState(false);
  const button = (
    <PersonButton
      name={person.display_name || person.email || "?"}
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setWanted(true)}
    />
  );
  if (!wanted) return button;
  return (
    <Suspense fallback={button}>
      <PersonMenu person={person} isMe={isMe} onAction={onAction} />
    </Suspense>
  );
}
