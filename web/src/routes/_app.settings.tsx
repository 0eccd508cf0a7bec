import { createFileRoute } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Profile } from "@/features/settings/profile";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";

// what a tab needs comes when it is opened
const Security = lazy(() => import("@/features/settings/security"));
const Sessions = lazy(() => import("@/features/settings/sessions").then((file) => ({ default: file.Sessions })));
const Keys = lazy(() => import("@/features/settings/keys").then((file) => ({ default: file.Keys })));

const TABS = ["profile", "security", "sessions", "keys"] as const;
type Tab = (typeof TABS)[number];

export const Route = createFileRoute("/_app/settings")({
  validateSearch: (search: Record<string, unknown>): { tab?: Tab } => {
    const tab = TABS.find((one) => one === search.tab);
    return tab ? { tab } : {};
  },
  component: Settings,
});

function Settings() {
  const { t } = useTranslation();
  const { tab = "profile" } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <>
      <PageHead title={t("settings.title")} />
      <Tabs
        label={t("settings.title")}
        value={tab}
        onChange={(next) => {
          const wanted = TABS.find((one) => one === next);
          void navigate({ search: wanted ? { tab: wanted } : {}, replace: true });
        }}
        tabs={TABS.map((value) => ({ value, label: t(`settings.${value}`) }))}
      >
        <Suspense fallback={<SkeletonRows rows={6} />}>
          <TabPanel value="profile">
            <Profile />
          </TabPanel>
          <TabPanel value="security">
            <Security />
          </TabPanel>
          <TabPanel value="sessions">
            <Sessions />
          </TabPanel>
          <TabPanel value="keys">
            <Keys />
          </TabPanel>
        </Suspense>
      </Tabs>
    </>
  );
}
