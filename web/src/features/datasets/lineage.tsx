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
import { type Api, client } from "@/api/client";
import { useCursor } from "@/features/cursor";
import { More } from "@/features/more";
import { ago, moment } from "@/i18n/format";
import { Card } from "@/ui/card";
import { Failed } from "@/ui/failed";
import { Note } from "@/ui/note";
import { SkeletonRows } from "@/ui/skeleton";
import { StateBadge } from "../state-badge";

type Part = Api["Lineage"];
type Node = Api["LineageNode"];
type Joined = { node: Node; kind: Api["LineageEdge"]["kind"] };
const COLUMNS = "grid gap-x-6 gap-y-2 px-4 sm:grid-cols-[minmax(0,1fr)_11rem_minmax(0,1fr)]";
const ICONS: Record<Node["kind"], LucideIcon> = {
  upload: FileUp,
  push: Waypoints,
  stream: Radio,
  database: Database,
  prediction_log: ScrollText,
  version: GitCommitHorizontal,
  run: FlaskConical,
  model: Boxes,
};

/** Where each version came from, and what was made of it: newest first. */
export default function Lineage({ org, name }: { org: string; name: string }) {
  const { t } = useTranslation();
  const { query, items } = useCursor<Part>(["lineage", org, name], async (asked, signal) => {
    const { data } = await client.GET("/api/v1/datasets/{org}/{name}/lineage", {
      params: { path: { org, name }, query: asked },
      signal,
    });
    return { data: data && { items: [data], next: data.next } };
  });
  if (query.error && !items) return <Failed error={query.error} retry={() => void query.refetch()} />;
  if (!items) return <SkeletonRows className="h-14" rows={4} />;
  const graph = graphOf(items);
  const fills = graph.into(`prediction_log:${org}/${name}`);
  return (
    <div className="space-y-4">
      {fills.length ? (
        <Note>
          <p>{t("lineage.filled")}</p>
          <Things joined={fills} />
        </Note>
      ) : null}
      <Card flush>
        <div aria-hidden className={`${COLUMNS} hidden border-b border-line py-2 text-sm text-fg-2 sm:grid`}>
          <span>{t("lineage.from")}</span>
          <span>{t("lineage.version")}</span>
          <span>{t("lineage.made")}</span>
        </div>
        <ol aria-label={t("dataset.tab.lineage")} className="divide-y divide-line">
          {graph.versions.map((version) => (
            <li key={version.id} className={`${COLUMNS} py-3 sm:items-center`}>
              <Side title={t("lineage.from")} joined={graph.into(version.id)} />
              <div className="flex flex-wrap items-center gap-x-2 gap-y-1 sm:block">
                <Thing node={version} />
                <div className="flex flex-wrap items-center gap-x-2 text-xs text-fg-3 sm:mt-1">
                  {version.state && version.state !== "accepted" ? <StateBadge state={version.state} /> : null}
                  {version.at ? (
                    <time dateTime={version.at} title={moment(version.at)}>
                      {ago(version.at)}
                    </time>
                  ) : null}
                </div>
              </div>
              <Side title={t("lineage.made")} joined={graph.outOf(version.id)} />
            </li>
          ))}
        </ol>
        <More query={query} />
      </Card>
    </div>
  );
}

function graphOf(parts: Part[]) {
  const nodes = new Map<string, Node>();
  for (const node of parts.flatMap((part) => part.nodes)) {
    // a version beside a page is told whole on its own
    if (!nodes.get(node.id)?.state) nodes.set(node.id, node);
  }
  const edges = parts.flatMap((part) => part.edges);
  const joined = (id: string, kind: Joined["kind"]): Joined[] => {
    const node = nodes.get(id);
    return node ? [{ node, kind }] : [];
  };
  const out = (id: string) => edges.filter((edge) => edge.source === id);
  return {
    versions: [...nodes.values()].filter((node) => node.kind === "version" && node.state !== null),
    into: (id: string) => edges.filter((edge) => edge.target === id).flatMap((edge) => joined(edge.source, edge.kind)),
    // what a model has predicted stands beside it; the versions that follow say so themselves
    outOf: (id: string) =>
      out(id)
        .filter((edge) => edge.kind === "trained" || edge.kind === "made" || edge.kind === "derived")
        .flatMap((edge) => [
          ...joined(edge.target, edge.kind),
          ...out(edge.target).flatMap((further) => joined(further.target, further.kind)),
        ]),
  };
}

function Side({ title, joined }: { title: string; joined: Joined[] }) {
  if (!joined.length) return <span className="hidden text-fg-3 sm:inline">–</span>;
  return (
    <div className="min-w-0">
      <p className="text-xs text-fg-3 sm:sr-only">{title}</p>
      <Things joined={joined} />
    </div>
  );
}

function Things({ joined }: { joined: Joined[] }) {
  const { t } = useTranslation();
  return (
    <ul className="min-w-0 space-y-1">
      {joined.map(({ node, kind }) => (
        <li key={`${kind} ${node.id}`} className="flex min-w-0 flex-wrap items-baseline gap-x-2">
          <span className="shrink-0 text-xs text-fg-3">{t(`lineage.edge.${kind}`)}</span>
          <Thing node={node} elsewhere={kind === "derived"} />
        </li>
      ))}
    </ul>
  );
}

function Thing({ node, elsewhere = false }: { node: Node; elsewhere?: boolean }) {
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

function Place({ node, children }: { node: Node; children: ReactNode }) {
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
