import { Link } from "@tanstack/react-router";
import {
  Boxes,
  Database,
  FileUp,
  FlaskConical,
  GitCommitHorizontal,
  type LucideIcon,
  Radio,
  ScrollText,
  Waypoints,
} from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { LineageNode } from "./lineage-layout";

const ICONS: Record<LineageNode["kind"], LucideIcon> = {
  upload: FileUp,
  push: Waypoints,
  stream: Radio,
  database: Database,
  prediction_log: ScrollText,
  version: GitCommitHorizontal,
  run: FlaskConical,
  model: Boxes,
};

/** A thing that data came through, as a link where there is a page of it. */
export function Thing({ node, elsewhere = false }: { node: LineageNode; elsewhere?: boolean }) {
  const { t } = useTranslation();
  const Icon = ICONS[node.kind];
  const words =
    node.kind === "push"
      ? t("lineage.pushed")
      : node.kind === "version" && node.number && !elsewhere
        ? t("dataset.version", { number: node.number })
        : node.title;
  return (
    <span className="inline-flex min-w-0 max-w-full items-center gap-1.5">
      <Icon size={14} aria-hidden className="shrink-0 text-fg-3" />
      <Place node={node}>{words}</Place>
    </span>
  );
}

function Place({ node, children }: { node: LineageNode; children: ReactNode }) {
  const linked = "min-w-0 truncate font-medium text-accent-text hover:underline pointer-coarse:py-2";
  const [address = "", number] = (node.address ?? "").split("@");
  const [org = "", name = ""] = address.split("/");
  const version = node.number ?? (number ? Number(number) : undefined);
  if (node.kind === "run" && node.address)
    return (
      <Link to="/runs/$id" params={{ id: node.address }} className={linked}>
        {children}
      </Link>
    );
  if (node.kind === "model")
    return (
      <Link to="/models/$org/$name" params={{ org, name }} search={version ? { version } : {}} className={linked}>
        {children}
      </Link>
    );
  if (node.kind === "prediction_log" || (node.kind === "version" && version))
    return (
      <Link to="/datasets/$org/$name" params={{ org, name }} search={version ? { version } : {}} className={linked}>
        {children}
      </Link>
    );
  return <span className="min-w-0 truncate">{children}</span>;
}
