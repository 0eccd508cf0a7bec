import type { Api } from "@/api/client";

export type LineageNode = Api["LineageNode"];
export type LineageEdge = Api["LineageEdge"];
export type Placed = { node: LineageNode; column: number; row: number };
export type Layout = { placed: Map<string, Placed>; edges: LineageEdge[]; columns: number; rows: number };

/** One graph of the pages read so far; a version that is beside one page is told whole on its own. */
export function joined(parts: Api["Lineage"][]): { nodes: LineageNode[]; edges: LineageEdge[] } {
  const nodes = new Map<string, LineageNode>();
  for (const node of parts.flatMap((part) => part.nodes)) {
    if (!nodes.get(node.id)?.state) nodes.set(node.id, node);
  }
  const edges = new Map<string, LineageEdge>();
  for (const edge of parts.flatMap((part) => part.edges)) {
    edges.set(`${edge.kind} ${edge.source} ${edge.target}`, edge);
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

/**
 * A place for each node: the dataset's versions in one column, newest first; to their left what they come of, to their
 * right what came of them, each as many columns away as it takes steps; and each in a row near those it is joined to.
 */
export function laidOut(address: string, nodes: LineageNode[], edges: LineageEdge[]): Layout {
  const versions = nodes
    .filter((node) => node.kind === "version" && node.address === address)
    .sort((one, other) => (other.number ?? Infinity) - (one.number ?? Infinity));
  const own = new Set(versions.map((node) => node.id));
  const after = stepsFrom(own, edges, "source", "target");
  const before = stepsFrom(new Set([...own, ...after.keys()]), edges, "target", "source");
  const columnOf = new Map<string, number>();
  for (const id of own) columnOf.set(id, 0);
  for (const [id, steps] of after) columnOf.set(id, steps);
  for (const [id, steps] of before) columnOf.set(id, -steps);
  const first = Math.min(0, ...columnOf.values());
  const placed = new Map<string, Placed>();
  versions.forEach((node, row) => {
    placed.set(node.id, { node, column: 0 - first, row });
  });
  const others = nodes.filter((node) => columnOf.has(node.id) && !own.has(node.id));
  // from the versions outwards, so that whatever a node is joined to nearer to them has its row
  const columns = [...new Set(others.map((node) => columnOf.get(node.id) as number))].sort(
    (one, other) => Math.abs(one) - Math.abs(other),
  );
  for (const column of columns) {
    const here = others.filter((node) => columnOf.get(node.id) === column);
    for (const [node, row] of spread(here, placed, edges)) {
      placed.set(node.id, { node, column: column - first, row });
    }
  }
  const places = [...placed.values()];
  return {
    placed,
    edges: edges.filter((edge) => placed.has(edge.source) && placed.has(edge.target)),
    columns: Math.max(0, ...places.map((one) => one.column + 1)),
    rows: Math.max(0, ...places.map((one) => one.row + 1)),
  };
}

/** Everything that a node comes of or has become a part of, with itself. */
export function pathThrough(id: string, edges: LineageEdge[]): Set<string> {
  const start = new Set([id]);
  return new Set([
    id,
    ...stepsFrom(start, edges, "source", "target").keys(),
    ...stepsFrom(start, edges, "target", "source").keys(),
  ]);
}

/** How many steps each node is away from the nearest of `start`, along the edges from one end to the other. */
function stepsFrom(start: Set<string>, edges: LineageEdge[], from: "source" | "target", to: "source" | "target") {
  const found = new Map<string, number>();
  let last = start;
  for (let steps = 1; last.size; steps += 1) {
    const next = new Set<string>();
    for (const edge of edges) {
      if (last.has(edge[from]) && !start.has(edge[to]) && !found.has(edge[to])) next.add(edge[to]);
    }
    for (const id of next) found.set(id, steps);
    last = next;
  }
  return found;
}

/** Each node of a column with its row: in the middle of those it is joined to, or below the one before it. */
function spread(nodes: LineageNode[], placed: Map<string, Placed>, edges: LineageEdge[]): [LineageNode, number][] {
  const wanted = nodes.map((node) => {
    const rows = edges.flatMap((edge) => {
      const other = edge.source === node.id ? edge.target : edge.target === node.id ? edge.source : null;
      const place = other === null ? undefined : placed.get(other);
      return place ? [place.row] : [];
    });
    return { node, row: rows.length ? rows.reduce((sum, row) => sum + row, 0) / rows.length : 0 };
  });
  wanted.sort((one, other) => one.row - other.row);
  let free = 0;
  return wanted.map(({ node, row }) => {
    const taken = Math.max(free, row);
    free = taken + 1;
    return [node, taken];
  });
}
