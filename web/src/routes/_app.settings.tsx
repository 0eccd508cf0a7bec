import { createFileRoute } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { EmailAddress } from "@/features/settings/email-address";
import { Profile } from "@/features/settings/profile";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";

const Security = lazy(() => import("@/features/settings/security"));
const Keys = lazy(async () => ({ default: (await import("@/features/settings/keys")).Keys }));
const Sessions = lazy(async () => ({ default: (await import("@/features/settings/sessions")).Sessions }));

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
        <TabPanel value="profile">
          <Profile />
          <EmailAddress />
        </TabPanel>
        <TabPanel value="security">
          <Suspense fallback={<Skeleton className="h-96 w-full max-w-xl rounded-lg" />}>
            <Security />
          </Suspense>
        </TabPanel>
        <TabPanel value="sessions">
          <Suspense fallback={<Skeleton className="h-96 w-full rounded-lg" />}>
            <Sessions />
          </Suspense>
        </TabPanel>
        <TabPanel value="keys">
          <Suspense fallback={<Skeleton className="h-96 w-full rounded-lg" />}>
            <Keys />
          </Suspense>
        </TabPanel>
      </Tabs>
    </>
  );
}
