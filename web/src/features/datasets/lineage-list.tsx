import { useTranslation } from "react-i18next";
import { ago, moment } from "@/i18n/format";
import { StateBadge } from "../state-badge";
import type { LineageEdge, LineageNode } from "./lineage-layout";
import { Thing } from "./lineage-thing";

type Joined = { node: LineageNode; kind: LineageEdge["kind"] };
const COLUMNS = "grid gap-x-6 gap-y-2 px-4 sm:grid-cols-[minmax(0,1fr)_11rem_minmax(0,1fr)]";

/** Each version with where it came from and what was made of it: newest first. */
export function LineageList({ nodes, edges }: { nodes: LineageNode[]; edges: LineageEdge[] }) {
  const { t } = useTranslation();
  const graph = graphOf(nodes, edges);
  return (
    <>
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
    </>
  );
}

function graphOf(nodes: LineageNode[], edges: LineageEdge[]) {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const joined = (id: string, kind: Joined["kind"]): Joined[] => {
    const node = known.get(id);
    return node ? [{ node, kind }] : [];
  };
  const out = (id: string) => edges.filter((edge) => edge.source === id);
  return {
    versions: nodes.filter((node) => node.kind === "version" && node.state !== null),
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

/** Things with how each is joined to what they stand beside. */
export function Things({ joined }: { joined: Joined[] }) {
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
