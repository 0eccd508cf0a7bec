import { useNavigate } from "@tanstack/react-router";
import i18n from "i18next";
import { BookOpen, Building2, Check, LogOut, Settings } from "lucide-react";
import { useTranslation } from "react-i18next";
import { queryClient } from "@/api/client";
import { live } from "@/api/live";
import { actIn } from "@/api/organisation";
import { hubPath } from "@/api/root";
import { changeLanguage, LANGUAGES } from "@/i18n";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from "@/ui/menu";
import { toast } from "@/ui/toast";
import { AccountButton } from "./account-button";
import { useMe } from "./me";
import { ADMIN_PLACE } from "./navigation";
import { signOut } from "./sign-out";
import { chooseTheme, type Theme, useTheme } from "./theme";

/** Comes when it is first asked for: a menu is more script than the page around it. */
export default function AccountMenu() {
  const { t } = useTranslation();
  const me = useMe();
  const theme = useTheme();
  const navigate = useNavigate();
  const name = me.display_name || me.email || me.organisation || "?";
  const leave = async () => {
    try {
      await signOut();
      await navigate({ to: "/sign-in", search: {} });
    } catch (error) {
      toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" });
    }
  };
  const actAs = (organisation: string) => {
    actIn(organisation);
    live.close();
    void queryClient.resetQueries();
    live.open();
  };
  return (
    <Menu open trigger={<AccountButton name={name} />}>
      <MenuLabel>
        <span className="block truncate font-medium">{name}</span>
        <span className="block truncate text-fg-3">{me.email ?? me.organisation}</span>
      </MenuLabel>
      <MenuLine />
      {me.organisations.length > 1 ? (
        <>
          {me.organisations.map((one) => (
            <MenuItem
              key={one.id}
              icon={one.name === me.organisation ? Check : Building2}
              onSelect={() => actAs(one.name)}
            >
              {one.title || one.name}
            </MenuItem>
          ))}
          <MenuLine />
        </>
      ) : null}
      <MenuChoice
        label={t("account.theme")}
        value={theme}
        onChange={(value) => chooseTheme(value as Theme)}
        options={(["system", "light", "dark"] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
      />
      <MenuChoice
        label={t("account.language")}
        value={i18n.language.slice(0, 2)}
        onChange={changeLanguage}
        options={LANGUAGES}
      />
      <MenuLine />
      <MenuItem icon={Settings} onSelect={() => void navigate({ to: "/settings", search: {} })}>
        {t("account.settings")}
      </MenuItem>
      {me.operates_hub ? (
        <MenuItem icon={ADMIN_PLACE.icon} onSelect={() => void navigate({ to: ADMIN_PLACE.to })}>
          {t("nav.admin")}
        </MenuItem>
      ) : null}
      <MenuItem icon={BookOpen} onSelect={() => window.open(hubPath("api/docs"), "_blank", "noopener")}>
        {t("account.api")}
      </MenuItem>
      <MenuItem icon={LogOut} onSelect={() => void leave()}>
        {t("account.signOut")}
      </MenuItem>
    </Menu>
  );
}
