import {
  EllipsisVertical,
  KeyRound,
  ShieldCheck,
  ShieldOff,
  UserCheck,
  UserRoundCheck,
  UserRoundX,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Api } from "@/api/client";
import { ago } from "@/i18n/format";
import { Badge } from "@/ui/badge";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";

export type PersonAction = "suspend" | "restore" | "administrator" | "notAdministrator" | "link" | "act";

type Props = { person: Api["Person"]; isMe: boolean; onAction: (action: PersonAction) => void };

/** A person of the hub with what can be done about them. */
export function PersonRow({ person, isMe, onAction }: Props) {
  const { t } = useTranslation();
  const name = person.display_name || person.email || "?";
  const organisations = person.organisations.map((one) => `${one.name} (${t(`admin.role.${one.role as "owner"}`)})`);
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
      <Menu
        trigger={
          <Button kind="ghost" size="icon" aria-label={t("admin.actionsOf", { name })}>
            <EllipsisVertical size={16} aria-hidden />
          </Button>
        }
      >
        {isMe || person.administrator || suspended ? null : (
          <MenuItem icon={UserCheck} onSelect={() => onAction("act")}>
            {t("acting.begin")}
          </MenuItem>
        )}
        <MenuItem icon={KeyRound} onSelect={() => onAction("link")}>
          {t("admin.resetLink")}
        </MenuItem>
        {person.administrator ? (
          <MenuItem icon={ShieldOff} onSelect={() => onAction("notAdministrator")}>
            {t("admin.unmakeAdministrator")}
          </MenuItem>
        ) : (
          <MenuItem icon={ShieldCheck} onSelect={() => onAction("administrator")}>
            {t("admin.makeAdministrator")}
          </MenuItem>
        )}
        {isMe ? null : (
          <>
            <MenuLine />
            {suspended ? (
              <MenuItem icon={UserRoundCheck} onSelect={() => onAction("restore")}>
                {t("admin.restore")}
              </MenuItem>
            ) : (
              <MenuItem icon={UserRoundX} danger onSelect={() => onAction("suspend")}>
                {t("admin.suspend")}
              </MenuItem>
            )}
          </>
        )}
      </Menu>
    </li>
  );
}
