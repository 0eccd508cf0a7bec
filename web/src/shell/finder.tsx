import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { Boxes, Database, FlaskConical, Inbox, ListChecks, Settings, User, Users } from "lucide-react";
import { type RefObject, useLayoutEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Api, api } from "@/api/client";
import { hubPath } from "@/api/root";
import { useSettled } from "@/features/settled";
import { type Command, CommandPalette } from "@/ui/command-palette";
import { useMe } from "./me";
import { ADMIN_PLACE, PLACES } from "./navigation";

const SHOWN_MAX = 12;
const EACH_MAX = 200;
const SETTINGS = ["profile", "security", "sessions", "keys", "notifications", "data"] as const;

/** Jumps to any object the reader may see, to people, and to any page; the hub looks for what is in no first page. */
export default function Finder({ begun, onClose }: { begun: RefObject<string>; onClose: () => void }) {
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  useLayoutEffect(() => setQuery(begun.current), [begun]);
  const pages = usePages();
  const objects = useObjects(query);
  const people = usePeople(query);
  return (
    <CommandPalette
      open
      onClose={onClose}
      label={t("finder.label")}
      query={query}
      onQuery={setQuery}
      commands={fitting([...pages, ...objects, ...people], query).slice(0, SHOWN_MAX)}
    />
  );
}

function usePages(): Command[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const places = useMe().operates_hub ? [...PLACES, ADMIN_PLACE] : PLACES;
  return [
    ...places.map(({ to, name, icon }) => ({
      id: to,
      label: t(`nav.${name}`),
      detail: t("finder.page"),
      icon,
      run: () => void navigate({ to }),
    })),
    {
      id: "/inbox",
      label: t("inbox.title"),
      detail: t("finder.page"),
      icon: Inbox,
      run: () => void navigate({ to: "/inbox", search: {} }),
    },
    ...SETTINGS.map((tab) => ({
      id: `/settings?tab=${tab}`,
      label: t(`settings.${tab}`),
      detail: t("finder.setting"),
      icon: Settings,
      run: () => void navigate({ to: "/settings", search: { tab } }),
    })),
  ];
}

function useObjects(query: string): Command[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { powers } = useMe();
  const datasets = useFound("/api/v1/datasets", query);
  const models = useFound("/api/v1/models", query);
  const runs = useFound("/api/v1/runs", query);
  const jobs =
    useQuery({
      ...api.queryOptions("get", "/api/v1/jobs", { params: { query: { limit: EACH_MAX } } }),
      enabled: powers.includes("runs:read"),
    }).data?.items ?? [];
  return [
    ...datasets.map((one) => ({
      id: one.id,
      label: one.address,
      detail: t("finder.dataset"),
      icon: Database,
      run: () =>
        void navigate({ to: "/datasets/$org/$name", params: { org: one.organisation, name: one.name }, search: {} }),
    })),
    ...models.map((one) => ({
      id: one.id,
      label: one.address,
      detail: t("finder.model"),
      icon: Boxes,
      run: () =>
        void navigate({ to: "/models/$org/$name", params: { org: one.organisation, name: one.name }, search: {} }),
    })),
    ...runs.map((one) => ({
      id: one.id,
      label: t("run.title", { target: one.target, dataset: one.dataset }),
      detail: t("finder.run"),
      icon: FlaskConical,
      run: () => void navigate({ to: "/runs/$id", params: { id: one.id } }),
    })),
    // every job would hide everything else: only those that are asked for
    ...(query
      ? jobs.map((one) => ({
          id: one.id,
          label: one.kind,
          detail: t("finder.job"),
          icon: ListChecks,
          run: () => void navigate({ to: "/jobs" }),
        }))
      : []),
  ];
}

function usePeople(query: string): Command[] {
  const { t } = useTranslation();
  const { history } = useRouter();
  const { organisation, session } = useMe();
  const openOrganisation = (tab: string) => history.push(`${hubPath("organisation")}?tab=${tab}`);
  const search = useSettled(query);
  const path = { org: organisation ?? "" };
  const enabled = organisation !== null && session !== null && search !== "";
  const kept = { placeholderData: keepPreviousData, enabled };
  const members =
    useQuery({
      ...api.queryOptions("get", "/api/v1/organisations/{org}/members", {
        params: { path, query: { limit: EACH_MAX, named: search } },
      }),
      ...kept,
    }).data?.items ?? [];
  const groups =
    useQuery({
      ...api.queryOptions("get", "/api/v1/organisations/{org}/groups", { params: { path, query: { limit: 200 } } }),
      ...kept,
    }).data?.items ?? [];
  if (!enabled) return [];
  return [
    ...members.map((one) => ({
      id: one.user_id,
      label: [one.display_name, one.email].filter(Boolean).join(" · "),
      detail: t("finder.person"),
      icon: User,
      run: () => openOrganisation("members"),
    })),
    ...groups.map((one) => ({
      id: one.id,
      label: one.name,
      detail: t("finder.group"),
      icon: Users,
      run: () => openOrganisation("groups"),
    })),
  ];
}

type Listed = "/api/v1/datasets" | "/api/v1/models" | "/api/v1/runs";
type Found = {
  "/api/v1/datasets": Api["Dataset"];
  "/api/v1/models": Api["Model"];
  "/api/v1/runs": Api["Run"];
};

/** The newest of a list; with words typed, and where there are more than that, what the hub finds by the first of them. */
function useFound<P extends Listed>(path: P, query: string): Found[P][] {
  // an object is called by the last part of its address
  const search = useSettled(query).split(" ")[0]?.split("/").at(-1) ?? "";
  const asked = (wanted: string) =>
    api.queryOptions("get", path as "/api/v1/datasets", {
      params: { query: { limit: EACH_MAX, ...(wanted ? { named: wanted } : {}) } },
    });
  const newest = useQuery(asked("")).data;
  const found = useQuery({
    ...asked(search),
    enabled: search !== "" && Boolean(newest?.next),
    placeholderData: keepPreviousData,
  }).data;
  const all = [...(newest?.items ?? []), ...((search && found?.items) || [])];
  return [...new Map(all.map((one) => [one.id, one])).values()] as unknown as Found[P][];
}

/** Every word of the query occurs; what is called by one of them comes first, then what begins with the first. */
export function fitting(commands: Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const behind = (command: Command) => {
    const label = command.label.toLowerCase();
    if (words.some((word) => label === word || label.endsWith(`/${word}`))) {
      return 0;
    }
    return words[0] && label.startsWith(words[0]) ? 1 : 2;
  };
  return commands
    .filter((command) => words.every((word) => `${command.label} ${command.detail}`.toLowerCase().includes(word)))
    .sort((one, other) => behind(one) - behind(other));
}
