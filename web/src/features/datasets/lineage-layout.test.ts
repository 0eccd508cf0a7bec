import { describe, expect, it } from "vitest";
import { joined, type LineageEdge, type LineageNode, laidOut, pathThrough } from "./lineage-layout";

const HERE = "org/here";
const node = (id: string, kind: LineageNode["kind"], more: Partial<LineageNode> = {}): LineageNode => ({
  id,
  kind,
  title: id,
  address: null,
  number: null,
  state: null,
  at: null,
  ...more,
});
const version = (number: number) => node(`v${number}`, "version", { address: HERE, number, state: "accepted" });
const edge = (source: string, kind: LineageEdge["kind"], target: string): LineageEdge => ({ source, target, kind });
const places = (nodes: LineageNode[], edges: LineageEdge[]) => {
  const { placed } = laidOut(HERE, nodes, edges);
  return Object.fromEntries([...placed].map(([id, { column, row }]) => [id, [column, row]]));
};

describe("where things of a lineage stand", () => {
  it("puts what a version comes of to its left and what came of it to its right", () => {
    const nodes = [node("file", "upload"), version(1), node("run", "run"), node("model", "model")];
    const edges = [edge("file", "read", "v1"), edge("v1", "trained", "run"), edge("run", "made", "model")];
    expect(places(nodes, edges)).toEqual({ file: [0, 0], v1: [1, 0], run: [2, 0], model: [3, 0] });
  });

  it("stacks versions that follow one another in one column, newest first", () => {
    const nodes = [version(1), version(2), version(3), node("pushed", "push")];
    const edges = [edge("v1", "follows", "v2"), edge("v2", "follows", "v3"), edge("pushed", "appended", "v3")];
    expect(places(nodes, edges)).toEqual({ v3: [1, 0], v2: [1, 1], v1: [1, 2], pushed: [0, 0] });
  });

  it("lets nothing of a column lie on another", () => {
    const nodes = [version(1), ...[1, 2, 3].map((at) => node(`run${at}`, "run"))];
    const edges = [1, 2, 3].map((at) => edge("v1", "trained", `run${at}`));
    const rows = Object.entries(places(nodes, edges)).flatMap(([id, [, row]]) => (id === "v1" ? [] : [row as number]));
    expect(rows).toEqual([0, 1, 2]);
    expect(laidOut(HERE, nodes, edges)).toMatchObject({ columns: 2, rows: 3 });
  });

  it("bears a model whose predictions fill the dataset it was trained on", () => {
    const nodes = [version(1), node("model", "model"), node("log", "prediction_log", { address: HERE })];
    const edges = [edge("v1", "made", "model"), edge("model", "predicted", "log"), edge("log", "appended", "v1")];
    expect(places(nodes, edges)).toEqual({ v1: [0, 0], model: [1, 0], log: [2, 0] });
  });

  it("takes the versions of another dataset for a source or for what came of it", () => {
    const other = (id: string) => node(id, "version", { address: "org/other", number: 1 });
    const nodes = [version(1), other("from"), other("to")];
    const edges = [edge("from", "derived", "v1"), edge("v1", "derived", "to")];
    expect(places(nodes, edges)).toEqual({ from: [0, 0], v1: [1, 0], to: [2, 0] });
  });
});

it("follows a path both ways and leaves out what only shares a neighbour", () => {
  const edges = [edge("file", "read", "v1"), edge("v1", "trained", "run"), edge("v1", "trained", "other")];
  expect([...pathThrough("run", edges)].sort()).toEqual(["file", "run", "v1"]);
});

it("knows a version that is beside one page by what its own page says", () => {
  const beside = { ...version(1), state: null };
  const part = (nodes: LineageNode[]) => ({
    dataset: HERE,
    nodes,
    edges: [edge("v1", "follows", "v2")],
    next: null,
  });
  const found = joined([part([version(2), beside]), part([version(1)])]);
  expect(found.nodes.map(({ id, state }) => [id, state])).toEqual([
    ["v2", "accepted"],
    ["v1", "accepted"],
  ]);
  expect(found.edges).toHaveLength(1);
});
