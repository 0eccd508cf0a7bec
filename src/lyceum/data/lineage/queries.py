"""The graph around a page of a dataset's versions; its queries are as many however long the page is."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import addresses_of_versions, dataset_ref_for, list_versions, rows_taken
from lyceum.data.datasets.schemas import Version
from lyceum.data.incidents.public import Consumer, ConsumersOf, consumers_of
from lyceum.data.lineage.logs import PredictionLogsOf
from lyceum.data.lineage.schemas import EdgeKind, Lineage, LineageEdge, LineageNode, NodeKind
from lyceum.kernel.http.paging import next_cursor

_OF_CONSUMER: dict[str, EdgeKind] = {"run": "trained", "model": "made"}
_DATABASES = frozenset({"postgresql", "mysql", "sqlite"})


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
    logs_of: PredictionLogsOf,
    org: str,
    name: str,
    *,
    limit: int,
    before: UUID | None = None,
) -> Lineage:
    """Return where a page of a dataset's versions come from, and what the caller sees that was made of them.

    At most seventeen queries, and `CONSUMERS_MAX` runs and models of each asked. Raises `DatasetNotFound`.
    """
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    versions = await list_versions(tx, who, org, name, limit=limit, before=before)
    graph = _Graph()
    ids = {version.id: graph.add(_version_node(version)) for version in versions}
    consumers = await consumers_of(tx, asked, list(ids))
    logs = await logs_of(tx, dataset.id, [consumer.id for consumer in consumers if consumer.kind == "model"])
    await _join_rows_taken(tx, graph, ids)
    is_log = any(log.dataset_id == dataset.id for log in logs)
    for version in versions:
        _join_sources(graph, ids[version.id], version, is_log=is_log)
    for consumer in consumers:
        graph.join(ids[consumer.version_id], graph.add(_consumer_node(consumer)), _OF_CONSUMER[consumer.kind])
    for log in logs:
        model = graph.add(_node(f"model:{log.model_version_id}", "model", log.model, address=log.model))
        graph.join(model, graph.add(_log_node(log.dataset)), "predicted")
    return Lineage(
        dataset=dataset.address,
        nodes=list(graph.nodes.values()),
        edges=graph.edges,
        next=next_cursor([version.id for version in versions], limit),
    )


async def _join_rows_taken(tx: AsyncSession, graph: _Graph, ids: dict[UUID, str]) -> None:
    """Join versions of other datasets whose rows are in one of these, and those that rows of these are in."""
    pairs = await rows_taken(tx, list(ids))
    beside = {version_id for pair in pairs for version_id in pair} - ids.keys()
    if not beside:
        return
    named = {
        version_id: graph.add(_beside(address, number, title=f"{address}@{number}"))
        for version_id, (address, number) in (await addresses_of_versions(tx, beside)).items()
        # one that was not accepted has none
        if number
    }
    for origin_id, made_id in pairs:
        source, target = ({**ids, **named}.get(version_id) for version_id in (origin_id, made_id))
        if source is not None and target is not None:
            graph.join(source, target, "derived")


def _join_sources(graph: _Graph, target: str, version: Version, *, is_log: bool) -> None:
    source, address = version.source, version.dataset
    format_read = source.get("format")
    if (restored := source.get("restores")) is not None:
        graph.join(graph.add(_beside(address, restored)), target, "restores")
        return
    if source.get("version_id") is not None:
        # where its rows were taken is joined as far as that is seen
        return
    if format_read == "push":
        pushed = _log_node(address) if is_log else _node(f"push:{address}", "push", "pushed records")
        graph.join(graph.add(pushed), target, "appended")
    elif format_read == "kafka":
        node = _node(f"stream:{address}:{version.file_name}", "stream", version.file_name)
        graph.join(graph.add(node), target, "appended")
    elif format_read in _DATABASES:
        node = _node(f"database:{address}:{version.file_name}", "database", version.file_name)
        graph.join(graph.add(node), target, "read")
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


def _beside(address: str, number: int, *, title: str = "") -> LineageNode:
    """Return a version that may be on another page."""
    return LineageNode(
        id=_id_of(address, number),
        kind="version",
        title=title or f"version {number}",
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


def _log_node(address: str) -> LineageNode:
    return _node(f"prediction_log:{address}", "prediction_log", address, address=address)


def _node(node_id: str, kind: NodeKind, title: str, *, address: str | None = None) -> LineageNode:
    return LineageNode(id=node_id, kind=kind, title=title, address=address, number=None, state=None, at=None)
