import { createFileRoute } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { CreateForm } from "@/features/organisation/create-form";
import { roleOf } from "@/features/organisation/roles";
import { useMe } from "@/shell/me";
import { Badge } from "@/ui/badge";
import { Card } from "@/ui/card";
import { PageHead } from "@/ui/page-head";
import { Skeleton } from "@/ui/skeleton";
import { TabPanel, Tabs } from "@/ui/tabs";

const First = lazy(() => import("@/features/organisation/first"));
const Members = lazy(() => import("@/features/organisation/members"));
const Invitations = lazy(() => import("@/features/organisation/invitations"));
const RoleTable = lazy(() => import("@/features/organisation/role-table"));
const Groups = lazy(() => import("@/features/organisation/groups"));
const Requests = lazy(() => import("@/features/organisation/requests"));
const Destinations = lazy(() => import("@/features/organisation/destinations"));
const OrganisationSettings = lazy(() => import("@/features/organisation/settings"));

const TABS = ["members", "invitations", "roles", "groups", "requests", "destinations", "settings"] as const;
const VIEWS = ["waiting", "all", "mine", "shared"] as const;
type Tab = (typeof TABS)[number];
type Search = { tab?: Tab | "new"; view?: (typeof VIEWS)[number] };
const NEEDS: Partial<Record<Tab, string>> = { invitations: "members:manage", destinations: "destinations:manage" };

export const Route = createFileRoute("/_app/organisation")({
  validateSearch: (search: Record<string, unknown>): Search => {
    const tab = search.tab === "new" ? search.tab : TABS.find((one) => one === search.tab);
    const view = VIEWS.find((one) => one === search.view);
    return { ...(tab ? { tab } : {}), ...(view ? { view } : {}) };
  },
  component: OrganisationPage,
});

function OrganisationPage() {
  const { t } = useTranslation();
  const me = useMe();
  const { tab } = Route.useSearch();
  if (tab === "new") {
    return (
      <>
        <PageHead title={t("organisation.create")} facts={t("organisation.createText")} />
        <Card className="max-w-xl">
          <CreateForm />
        </Card>
      </>
    );
  }
  if (me.organisation !== null) return <Own />;
  // what was shared with somebody, or asked for, is theirs in no organisation as well
  return (
    <Suspense fallback={<Skeleton className="h-96 rounded-lg" />}>
      {tab === "requests" ? <Asked /> : <First />}
    </Suspense>
  );
}

function Asked() {
  const { t } = useTranslation();
  const { view } = Route.useSearch();
  const navigate = Route.useNavigate();
  return (
    <>
      <PageHead title={t("organisation.tab.requests")} />
      <Requests
        view={view}
        onView={(next) => void navigate({ search: { tab: "requests", view: next }, replace: true })}
      />
    </>
  );
}

function Own() {
  const { t } = useTranslation();
  const me = useMe();
  const { tab, view } = Route.useSearch();
  const navigate = Route.useNavigate();
  const org = me.organisation ?? "";
  const here = me.organisations.find((one) => one.name === org);
  const title = here?.title || org;
  const tabs = TABS.filter((one) => !NEEDS[one] || me.powers.includes(NEEDS[one]));
  const shown = tabs.find((one) => one === tab) ?? "members";
  const show = (next: Search) => void navigate({ search: next, replace: true });
  return (
    <>
      <PageHead
        title={title}
        facts={
          <>
            <span className="mono">{org}</span>
            {here ? <Badge tone="accent">{t(`role.${roleOf(here.role)}`)}</Badge> : null}
          </>
        }
      />
      <Tabs
        label={t("nav.organisation")}
        value={shown}
        onChange={(next) => {
          const wanted = TABS.find((one) => one === next);
          show(wanted && wanted !== "members" ? { tab: wanted } : {});
        }}
        tabs={tabs.map((value) => ({ value, label: t(`organisation.tab.${value}`) }))}
      >
        <Suspense fallback={<Skeleton className="h-96 rounded-lg" />}>
          <TabPanel value="members">
            <Members org={org} onInvite={tabs.includes("invitations") ? () => show({ tab: "invitations" }) : null} />
          </TabPanel>
          <TabPanel value="invitations">
            <Invitations org={org} />
          </TabPanel>
          <TabPanel value="roles">
            <RoleTable />
          </TabPanel>
          <TabPanel value="groups">
            <Groups org={org} />
          </TabPanel>
          <TabPanel value="requests">
            <Requests view={view} onView={(next) => show({ tab: "requests", view: next })} />
          </TabPanel>
          <TabPanel value="destinations">
            <Destinations org={org} />
          </TabPanel>
          <TabPanel value="settings">
            <OrganisationSettings org={org} title={title} />
          </TabPanel>
        </Suspense>
      </Tabs>
    </>
  );
}
