import { createFileRoute } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { EmailAddress } from "@/features/settings/email-address";
import { Profile } from "@/features/settings/profile";
import { PurposeChoices } from "@/shell/purpose";
import { Card } from "@/ui/card";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";

const Security = lazy(() => import("@/features/settings/security"));
const Sessions = lazy(() => import("@/features/settings/sessions").then((file) => ({ default: file.Sessions })));
const Keys = lazy(() => import("@/features/settings/keys"));
const Notifications = lazy(() => import("@/features/settings/notifications"));
const OwnData = lazy(() => import("@/features/settings/own-data"));

const TABS = ["profile", "security", "sessions", "keys", "notifications", "data"] as const;
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
          <div className="max-w-3xl space-y-4">
            <Profile />
            <EmailAddress />
            <Card>
              <PurposeChoices />
            </Card>
          </div>
        </TabPanel>
        <TabPanel value="security">
          <Suspense fallback={<Skeleton className="h-96 w-full max-w-3xl rounded-lg" />}>
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
        <TabPanel value="notifications">
          <Suspense fallback={<Skeleton className="h-[48rem] w-full max-w-3xl rounded-lg" />}>
            <Notifications />
          </Suspense>
        </TabPanel>
        <TabPanel value="data">
          <Suspense fallback={<Skeleton className="h-96 w-full max-w-3xl rounded-lg" />}>
            <OwnData />
          </Suspense>
        </TabPanel>
      </Tabs>
    </>
  );
}
