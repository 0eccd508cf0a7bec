"""The graph around a page of a dataset's versions; its queries are as many however long the page is."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.public import list_versions
from lyceum.data.datasets.schemas import Version
from lyceum.data.incidents.public import Consumer, ConsumersOf, consumers_of
from lyceum.data.lineage.schemas import EdgeKind, Lineage, LineageEdge, LineageNode, NodeKind
from lyceum.kernel.http.paging import next_cursor

_OF_CONSUMER: dict[str, EdgeKind] = {"run": "trained", "model": "made"}


class _Graph:
    """Nodes once each, in the order they were met, and edges between them."""

    def __init__(self) -> None:
        self.nodes: dict[str, LineageNode] = {}
        self.edges: list[LineageEdge] = []

    def add(self, node: LineageNode) -> str:
        """Add a node unless it is there, and return its id."""
        self.nodes.setdefault(node.id, node)
        return node.id

    def join(self, source: str, target: str, kind: EdgeKind) -> None:
        """Say that data went from one node to another."""
        self.edges.append(LineageEdge(source=source, target=target, kind=kind))


async def lineage_for(
    tx: AsyncSession,
    who: Actor,
    asked: Sequence[ConsumersOf],
    org: str,
    name: str,
    *,
    limit: int,
    before: UUID | None = None,
) -> Lineage:
    """Return where a page of a dataset's versions come from, and what the caller sees that was made of them.

    At most eight queries, and `CONSUMERS_MAX` runs and models of each asked. Raises `DatasetNotFound`.
    """
    versions = await list_versions(tx, who, org, name, limit=limit, before=before)
    graph = _Graph()
    ids = {version.id: graph.add(_version_node(version)) for version in versions}
    for version in versions:
        _join_sources(graph, ids[version.id], version)
    for consumer in await consumers_of(tx, asked, list(ids)):
        graph.join(ids[consumer.version_id], graph.add(_consumer_node(consumer)), _OF_CONSUMER[consumer.kind])
    return Lineage(
        dataset=versions[0].dataset if versions else f"{org}/{name}",
        nodes=list(graph.nodes.values()),
        edges=graph.edges,
        next=next_cursor([version.id for version in versions], limit),
    )


def _join_sources(graph: _Graph, target: str, version: Version) -> None:
    source, address = version.source, version.dataset
    if (restored := source.get("restores")) is not None:
        graph.join(graph.add(_beside(address, restored)), target, "restores")
        return
    if (model := source.get("prediction_log")) is not None:
        node = _node(f"prediction_log:{model}", "prediction_log", str(model), address=str(model))
        graph.join(graph.add(node), target, "read")
    elif source.get("format") == "push":
        graph.join(graph.add(_node(f"push:{address}", "push", "pushed records")), target, "appended")
    else:
        graph.join(graph.add(_node(f"upload:{version.id}", "upload", version.file_name)), target, "read")
    if (followed := source.get("follows")) is not None:
        graph.join(graph.add(_beside(address, followed)), target, "follows")


def _version_node(version: Version) -> LineageNode:
    title = version.file_name if version.number is None else f"version {version.number}"
    return LineageNode(
        id=_id_of(version.dataset, version.number) if version.number is not None else f"version:{version.id}",
        kind="version",
        title=title,
        address=version.dataset,
        number=version.number,
        state=version.state,
        at=version.accepted_at or version.created_at,
    )


def _beside(address: str, number: int) -> LineageNode:
    """Return a version that may be on another page."""
    return LineageNode(
        id=_id_of(address, number),
        kind="version",
        title=f"version {number}",
        address=address,
        number=number,
        state=None,
        at=None,
    )


def _id_of(address: str, number: int) -> str:
    return f"version:{address}@{number}"


def _consumer_node(consumer: Consumer) -> LineageNode:
    kind: NodeKind = "model" if consumer.kind == "model" else "run"
    return _node(f"{kind}:{consumer.id}", kind, consumer.title or consumer.address, address=consumer.address)


def _node(node_id: str, kind: NodeKind, title: str, *, address: str | None = None) -> LineageNode:
    return LineageNode(id=node_id, kind=kind, title=title, address=address, number=None, state=None, at=None)
