import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Boxes, Database, FlaskConical } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { type Command, CommandPalette } from "@/ui/command-palette";
import { useMe } from "./me";
import { ADMIN_PLACE, PLACES } from "./navigation";

const SHOWN_MAX = 12;
const EACH_MAX = 200;

/** Jumps to any object the reader may see, and to any page. */
export default function Finder({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [query, setQuery] = useState("");
  const params = { params: { query: { limit: EACH_MAX } } };
  const datasets = useQuery(api.queryOptions("get", "/api/v1/datasets", params)).data?.items ?? [];
  const models = useQuery(api.queryOptions("get", "/api/v1/models", params)).data?.items ?? [];
  const runs = useQuery(api.queryOptions("get", "/api/v1/runs", params)).data?.items ?? [];
  const places = useMe().operates_hub ? [...PLACES, ADMIN_PLACE] : PLACES;
  const all: Command[] = [
    ...places.map(({ to, name, icon }) => ({
      id: to,
      label: t(`nav.${name}`),
      detail: t("finder.page"),
      icon,
      run: () => void navigate({ to }),
    })),
    ...datasets.map((one) => ({
      id: one.id,
      label: one.address,
      detail: t("finder.dataset"),
      icon: Database,
      run: () => void navigate({ to: "/datasets/$org/$name", params: { org: one.organisation, name: one.name } }),
    })),
    ...models.map((one) => ({
      id: one.id,
      label: one.address,
      detail: t("finder.model"),
      icon: Boxes,
      run: () => void navigate({ to: "/models/$org/$name", params: { org: one.organisation, name: one.name } }),
    })),
    ...runs.map((one) => ({
      id: one.id,
      label: t("run.title", { target: one.target, dataset: one.dataset }),
      detail: t("finder.run"),
      icon: FlaskConical,
      run: () => void navigate({ to: "/runs/$id", params: { id: one.id } }),
    })),
  ];
  return (
    <CommandPalette
      open
      onClose={onClose}
      label={t("finder.label")}
      query={query}
      onQuery={setQuery}
      commands={fitting(all, query).slice(0, SHOWN_MAX)}
    />
  );
}

/** Every word of the query occurs; what begins with it comes first. */
export function fitting(commands: Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const begins = (command: Command) => (words[0] && command.label.toLowerCase().startsWith(words[0]) ? 0 : 1);
  return commands
    .filter((command) => words.every((word) => `${command.label} ${command.detail}`.toLowerCase().includes(word)))
    .sort((one, other) => begins(one) - begins(other));
}
