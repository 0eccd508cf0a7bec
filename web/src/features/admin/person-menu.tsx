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
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import type { PersonProps } from "./person-row";

/** What can be done about a person; comes when it is first asked for, as every menu does. */
export default function PersonMenu({ person, isMe, onAction }: PersonProps) {
  const { t } = useTranslation();
  const name = person.display_name || person.email || "?";
  const suspended = person.suspended_at !== null;
  return (
    <Menu
      open
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
  );
}
