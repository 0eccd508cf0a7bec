import { KeyRound, ShieldCheck, ShieldOff, UserCheck, UserRoundCheck, UserRoundX } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Menu, MenuItem, MenuLine } from "@/ui/menu";
import { PersonButton } from "./person-button";
import type { PersonProps } from "./person-row";

/** What can be done about a person. */
export default function PersonMenu({ person, isMe, onAction }: PersonProps) {
  const { t } = useTranslation();
  const suspended = person.suspended_at !== null;
  return (
    <Menu open trigger={<PersonButton name={person.display_name || person.email || "?"} />}>
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
