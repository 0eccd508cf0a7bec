import { useLocation, useNavigate } from "@tanstack/react-router";
import i18n from "i18next";
import { ArrowLeftRight, BookOpen, Building2, Check, LogOut, Plus, Settings } from "lucide-react";
import { useTranslation } from "react-i18next";
import { hubPath } from "@/api/root";
import { changeLanguage, LANGUAGES } from "@/i18n";
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from "@/ui/menu";
import { toast } from "@/ui/toast";
import { AccountButton } from "./account-button";
import { changeOrganisation } from "./change-organisation";
import { useMe } from "./me";
import { ADMIN_PLACE, PLACES } from "./navigation";
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
      await signOut(() => navigate({ to: "/sign-in", search: {} }));
    } catch (error) {
      toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" });
    }
  };
  const { pathname } = useLocation();
  const change = async (organisation: string) => {
    // the page of one object is that of the organisation left behind
    const place = PLACES.find(({ to }) => to !== "/" && pathname.startsWith(`${to}/`));
    try {
      await changeOrganisation(organisation, async () => place && navigate({ to: place.to }));
    } catch (error) {
      toast(error instanceof Error ? error.message : t("failed.unknown"), { tone: "bad" });
    }
  };
  return (
    <Menu open trigger={<AccountButton name={name} />}>
      <MenuLabel>
        <span className="block truncate font-medium">{name}</span>
        <span className="block truncate text-fg-3">{me.email ?? me.organisation}</span>
      </MenuLabel>
      <MenuLine />
      {me.organisations.map((one) => (
        <MenuItem
          key={one.id}
          icon={one.name === me.organisation ? Check : ArrowLeftRight}
          onSelect={() => void (one.name === me.organisation || change(one.name))}
        >
          <span className="min-w-0 flex-1 truncate">{one.title || one.name}</span>
          {one.name === me.organisation ? <span className="sr-only">{t("account.here")}</span> : null}
        </MenuItem>
      ))}
      <MenuItem icon={Building2} onSelect={() => void navigate({ to: "/organisation", search: {} })}>
        {t("nav.organisation")}
      </MenuItem>
      <MenuItem icon={Plus} onSelect={() => void navigate({ to: "/organisation", search: { tab: "new" } })}>
        {t("organisation.create")}
      </MenuItem>
      <MenuLine />
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
