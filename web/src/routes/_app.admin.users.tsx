import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { createFileRoute } from "@tanstack/react-router";
import { Users } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, client } from "@/api/client";
import { saidBy } from "@/api/problem";
import { type HubPage, hubPagesKey, useHubPages } from "@/features/admin/hub-pages";
import { type PersonAction, PersonRow } from "@/features/admin/person-row";
import { More } from "@/features/more";
import { useSettled } from "@/features/settled";
import { useMe } from "@/shell/me";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Failed } from "@/ui/failed";
import { TextField } from "@/ui/field";
import { PageHead } from "@/ui/page-head";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

export const Route = createFileRoute("/_app/admin/users")({
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    typeof search.q === "string" && search.q ? { q: search.q.slice(0, 100) } : {},
  component: People,
});

const PersonWindow = lazy(() => import("@/features/admin/person-windows"));
const PATH = "/api/v1/admin/users";
type Person = Api["Person"];
type Asked = { person: Person; action: PersonAction };

function People() {
  const { t } = useTranslation();
  const me = useMe();
  const { q } = Route.useSearch();
  const navigate = Route.useNavigate();
  const [typed, setTyped] = useState(q ?? "");
  const wanted = useSettled(typed);
  const [asked, setAsked] = useState<Asked | null>(null);
  useEffect(() => {
    void navigate({ search: wanted ? { q: wanted } : {}, replace: true });
  }, [wanted, navigate]);
  const { query, items } = useHubPages(PATH, { q });
  const change = usePersonChange(q);
  const act = (person: Person, action: PersonAction) => {
    if (action === "suspend" || action === "restore") void change.suspended(person, action === "suspend");
    else setAsked({ person, action });
  };
  return (
    <>
      <PageHead title={t("admin.page.users")} facts={t("admin.usersText")} />
      <div className="mb-4 max-w-sm">
        <TextField
          label={t("admin.search")}
          type="search"
          value={typed}
          maxLength={100}
          autoComplete="off"
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      {query.error && !items ? <Failed error={query.error} retry={() => void query.refetch()} /> : null}
      <Card flush>
        {items ? (
          items.length ? (
            <ul className="divide-y divide-line">
              {items.map((person) => (
                <PersonRow
                  key={person.id}
                  person={person}
                  isMe={person.id === me.user_id}
                  onAction={(action) => act(person, action)}
                />
              ))}
            </ul>
          ) : (
            <Empty icon={Users} title={t("admin.noPerson")}>
              {t("admin.noPersonText")}
            </Empty>
          )
        ) : (
          <SkeletonRows className="h-20" />
        )}
        <More query={query} />
      </Card>
      {asked ? (
        <Suspense fallback={null}>
          <PersonWindow
            person={asked.person}
            action={asked.action}
            onClose={() => setAsked(null)}
            onAdministrator={(isOne) => change.administrator(asked.person, isOne)}
          />
        </Suspense>
      ) : null}
    </>
  );
}

const nameOf = (person: Person) => person.display_name || person.email || "?";

/** What is changed is seen at once, and as it was when the hub refuses. */
function usePersonChange(q: string | undefined) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const queryKey = hubPagesKey(PATH, { q });
  const put = (changed: Person) =>
    queries.setQueryData<InfiniteData<HubPage<typeof PATH>>>(
      queryKey,
      (data) =>
        data && {
          ...data,
          pages: data.pages.map((page) => ({
            ...page,
            items: page.items.map((one) => (one.id === changed.id ? changed : one)),
          })),
        },
    );
  const suspended = async (person: Person, suspend: boolean) => {
    await queries.cancelQueries({ queryKey });
    put({ ...person, suspended_at: suspend ? new Date().toISOString() : null });
    const path = suspend ? "/api/v1/admin/users/{user_id}/suspend" : "/api/v1/admin/users/{user_id}/restore";
    try {
      const { data } = await client.POST(path, { params: { path: { user_id: person.id } } });
      if (data) put(data);
      const words = t(suspend ? "admin.isSuspended" : "admin.isRestored", { name: nameOf(person) });
      toast(words, { undo: () => void suspended(data ?? person, !suspend) });
    } catch (error) {
      put(person);
      toast(saidBy(error), { tone: "bad" });
    }
  };
  const administrator = async (person: Person, isOne: boolean) => {
    try {
      const { data } = await client.PUT("/api/v1/admin/users/{user_id}/administrator", {
        params: { path: { user_id: person.id } },
        body: { administrator: isOne },
      });
      if (data) put(data);
      toast(t(isOne ? "admin.isAdministrator" : "admin.isNoAdministrator", { name: nameOf(person) }));
    } catch (error) {
      toast(saidBy(error), { tone: "bad" });
    }
  };
  return { suspended, administrator };
}
