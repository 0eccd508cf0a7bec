"""Watches, metrics and anomalies over HTTP."""

from uuid import UUID

from lyceum.accounts.edge import Power, Tx, Who, api_router, needs_of_object
from lyceum.data.quality.watching import queries, service
from lyceum.data.quality.watching.schemas import (
    Anomaly,
    AnomalyAnswer,
    AnomalyPage,
    MetricList,
    MetricSeries,
    Watch,
    WatchChange,
)
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["anomalies"])


@router.get("/datasets/{org}/{name}/watch")
@needs_of_object(Power.DATASETS_READ)
async def read_watch(tx: Tx, who: Who, org: str, name: str) -> Watch:
    """Read how a dataset's metrics are watched."""
    return await queries.watch_for(tx, who, org, name)


@router.put("/datasets/{org}/{name}/watch")
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def change_watch(tx: Tx, who: Who, org: str, name: str, wanted: WatchChange) -> Watch:
    """Say how a dataset's metrics are watched."""
    return await service.change_watch(tx, who, org, name, wanted)


@router.get("/datasets/{org}/{name}/anomalies")
@needs_of_object(Power.DATASETS_READ)
async def list_anomalies(
    tx: Tx, who: Who, org: str, name: str, limit: Limit = 50, cursor: Cursor = None
) -> AnomalyPage:
    """List the versions whose metrics were odd, newest first."""
    items = await queries.list_anomalies(tx, who, org, name, limit=limit, before=decode_cursor(cursor))
    return AnomalyPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/datasets/{org}/{name}/anomalies/metrics")
@needs_of_object(Power.DATASETS_READ)
async def list_metrics(tx: Tx, who: Who, org: str, name: str) -> MetricList:
    """List the metrics of a dataset with their newest values."""
    return MetricList(items=await queries.list_metrics(tx, who, org, name))


@router.get("/datasets/{org}/{name}/anomalies/metrics/{metric}")
@needs_of_object(Power.DATASETS_READ)
async def read_metric(tx: Tx, who: Who, org: str, name: str, metric: str) -> MetricSeries:
    """Read the points of a metric with the band they were expected in, and what was odd of them."""
    return await queries.series_for(tx, who, org, name, metric)


@router.put("/datasets/{org}/{name}/anomalies/{anomaly_id}/answer")
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def answer_anomaly(tx: Tx, who: Who, org: str, name: str, anomaly_id: UUID, wanted: AnomalyAnswer) -> Anomaly:
    """Say whether an odd version was expected; the detectors learn it."""
    return await service.answer_anomaly(tx, who, org, name, anomaly_id, wanted)
