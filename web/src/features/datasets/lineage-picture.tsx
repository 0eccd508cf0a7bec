import { useId, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { cn } from "@/ui/cn";
import { StateBadge } from "../state-badge";
import { type LineageEdge, type LineageNode, laidOut, type Placed, pathThrough } from "./lineage-layout";
import { Thing } from "./lineage-thing";

const NODE = { width: 176, height: 40 };
const GAP = { x: 72, y: 16 };
const EDGE_PX = 16;

/** What the data came through, drawn: arrows lead from what it came of to what it became. */
export function LineagePicture(props: { address: string; nodes: LineageNode[]; edges: LineageEdge[] }) {
  const { address, nodes, edges } = props;
  const { t } = useTranslation();
  const [shown, setShown] = useState<string | null>(null);
  const arrow = useId();
  const layout = useMemo(() => laidOut(address, nodes, edges), [address, nodes, edges]);
  const path = useMemo(() => (shown === null ? null : pathThrough(shown, layout.edges)), [shown, layout]);
  const width = layout.columns * (NODE.width + GAP.x) - GAP.x + 2 * EDGE_PX;
  const height = layout.rows * (NODE.height + GAP.y) - GAP.y + 2 * EDGE_PX;
  const isFaint = (edge: LineageEdge) => path !== null && !(path.has(edge.source) && path.has(edge.target));
  return (
    <div
      className="overflow-auto"
      style={{ maxHeight: "70vh" }}
      tabIndex={0}
      role="region"
      aria-label={t("lineage.picture")}
    >
      <div className="relative mx-auto" style={{ width, height }}>
        <svg width={width} height={height} className="absolute inset-0" aria-hidden>
          <defs>
            <marker
              id={arrow}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M0 0L8 4L0 8Z" fill="var(--fg-3)" />
            </marker>
          </defs>
          {layout.edges.map((edge) => (
            <path
              key={`${edge.kind} ${edge.source} ${edge.target}`}
              data-edge={edge.kind}
              d={curve(layout.placed.get(edge.source) as Placed, layout.placed.get(edge.target) as Placed)}
              fill="none"
              stroke={path && !isFaint(edge) ? "var(--accent)" : "var(--fg-3)"}
              strokeWidth={path && !isFaint(edge) ? 2 : 1.25}
              strokeDasharray={edge.kind === "follows" || edge.kind === "restores" ? "4 3" : undefined}
              opacity={isFaint(edge) ? 0.2 : 1}
              markerEnd={`url(#${arrow})`}
            />
          ))}
        </svg>
        <ul aria-label={t("lineage.things")}>
          {[...layout.placed.values()].map((place) => (
            <li
              key={place.node.id}
              className={cn(
                "absolute flex items-center justify-between gap-1 rounded-md border bg-surface px-2 text-sm transition-opacity",
                place.node.kind === "version" && place.node.address === address ? "border-line-strong" : "border-line",
                path && !path.has(place.node.id) && "opacity-30",
                place.node.id === shown && "border-accent",
              )}
              style={{ left: leftOf(place), top: topOf(place), width: NODE.width, height: NODE.height }}
              title={hint(t, place.node)}
              onMouseEnter={() => setShown(place.node.id)}
              onMouseLeave={() => setShown(null)}
              onFocus={() => setShown(place.node.id)}
              onBlur={() => setShown(null)}
            >
              <Thing node={place.node} elsewhere={place.node.address !== address} />
              {place.node.state && place.node.state !== "accepted" ? <StateBadge state={place.node.state} /> : null}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

const hint = (t: (key: `lineage.kind.${LineageNode["kind"]}`) => string, node: LineageNode) =>
  `${t(`lineage.kind.${node.kind}`)}: ${node.title}`;
const leftOf = (place: Placed) => EDGE_PX + place.column * (NODE.width + GAP.x);
const topOf = (place: Placed) => EDGE_PX + place.row * (NODE.height + GAP.y);

/** From the right side of one to the left side of the other; within a column, around it on the left. */
function curve(from: Placed, to: Placed): string {
  const [y1, y2] = [topOf(from) + NODE.height / 2, topOf(to) + NODE.height / 2];
  if (from.column === to.column) {
    const x = leftOf(to);
    const bend = Math.min(GAP.x * 0.6, 12 + 6 * Math.abs(to.row - from.row));
    return `M${x} ${y1}C${x - bend} ${y1} ${x - bend} ${y2} ${x - 1} ${y2}`;
  }
  const [x1, x2] = [leftOf(from) + NODE.width, leftOf(to) - 1];
  const reach = Math.max(GAP.x / 2, Math.abs(x2 - x1) / 3);
  return `M${x1} ${y1}C${x1 + reach} ${y1} ${x2 - reach} ${y2} ${x2} ${y2}`;
}
