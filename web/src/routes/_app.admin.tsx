import { createFileRoute, Outlet, useLocation } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ADMIN_PAGES } from "@/features/admin/places";
import { loadWords } from "@/i18n/parts";
import { MissingPage } from "@/shell/broken";
import { useMe } from "@/shell/me";
import { SubNavigation } from "@/ui/sub-navigation";

export const Route = createFileRoute("/_app/admin")({
  loader: () => loadWords("admin"),
  component: Administration,
});

function Administration() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  if (!useMe().operates_hub) return <MissingPage />;
  return (
    <>
      <SubNavigation
        label={t("nav.admin")}
        open={pathname}
        places={ADMIN_PAGES.map(({ to, name }) => ({ to, label: t(`admin.page.${name}`) }))}
      />
      <Outlet />
    </>
  );
}
