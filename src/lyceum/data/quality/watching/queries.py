"""Reads of watches, of metrics and of what was odd."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import dataset_ref_for, marks_of_dataset
from lyceum.data.datasets.rows.public import Marks
from lyceum.data.quality.watching.errors import MetricNotFound
from lyceum.data.quality.watching.jobs import ALARM_SHARE, DETECTORS
from lyceum.data.quality.watching.models import AnomalyRow, DatasetWatchRow
from lyceum.data.quality.watching.schemas import Anomaly, AnomalyFinding, MetricListed, MetricPoint, MetricSeries, Watch

if TYPE_CHECKING:
    from lyceum.data.quality.anomalies.public import MetricWatch

POINTS_MAX = 180
_WITHOUT_VALUES = frozenset({"missing", "distinct", "new"})


async def watch_for(tx: AsyncSession, who: Actor, org: str, name: str) -> Watch:
    """Return how a dataset is watched; raises `DatasetNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    return await as_watch(await tx.get(DatasetWatchRow, dataset.id))


async def list_metrics(tx: AsyncSession, who: Actor, org: str, name: str) -> list[MetricListed]:
    """Return the metrics of a dataset with their newest values; none before its first version was watched."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    watch = await tx.get(DatasetWatchRow, dataset.id)
    if watch is None or watch.state is None:
        return []
    marks = await marks_of_dataset(tx, dataset.id)
    return [one for one in await asyncio.to_thread(_listed, watch.state) if _is_shown(one.metric, marks)]


async def series_for(tx: AsyncSession, who: Actor, org: str, name: str, metric: str) -> MetricSeries:
    """Return the newest points of a metric with their band; raises `DatasetNotFound`, `MetricNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    watch = await tx.get(DatasetWatchRow, dataset.id)
    if watch is None or watch.state is None:
        raise MetricNotFound(f"No metrics of {dataset.address} are known yet.")
    query = select(AnomalyRow).where(AnomalyRow.dataset_id == dataset.id).order_by(AnomalyRow.id.desc())
    odd = list(await tx.scalars(query.limit(POINTS_MAX)))
    points = await asyncio.to_thread(_points, watch.state, metric, odd)
    if points is None or not _is_shown(metric, await marks_of_dataset(tx, dataset.id)):
        raise MetricNotFound(f'{dataset.address} has no metric "{metric}" with a band.')
    return MetricSeries(metric=metric, points=points)


async def list_anomalies(
    tx: AsyncSession, who: Actor, org: str, name: str, *, limit: int, before: UUID | None = None
) -> list[Anomaly]:
    """Return what was odd in a dataset's metrics, newest first; raises `DatasetNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    query = select(AnomalyRow).where(AnomalyRow.dataset_id == dataset.id).order_by(AnomalyRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AnomalyRow.id < before)
    marks = await marks_of_dataset(tx, dataset.id)
    return [as_anomaly(row, marks) for row in await tx.scalars(query)]


async def as_watch(row: DatasetWatchRow | None) -> Watch:
    """Return a watch as its readers see it; without a row, the one that a dataset has before it has versions enough."""
    learning, points = await asyncio.to_thread(_progress, row.state if row is not None else None)
    return Watch(
        enabled=row.enabled if row is not None else True,
        alarm_share=row.alarm_share if row is not None else ALARM_SHARE,
        detectors=row.detectors if row is not None else list(DETECTORS),
        watched_version=row.watched_number if row is not None else 0,
        points=points,
        learning_points=learning,
    )


def as_anomaly(row: AnomalyRow, marks: Marks) -> Anomaly:
    """Return an anomaly as its readers see it, without figures of what marked columns hold."""
    findings = [finding for finding in row.findings if _is_shown(finding["metric"], marks)]
    return Anomaly(
        id=row.id,
        version_number=row.version_number,
        at=_time(row.at_seconds),
        score=row.score,
        threshold=row.threshold,
        findings=[AnomalyFinding.model_validate(finding) for finding in findings],
        answer=row.answer,
        answered_at=row.answered_at,
    )


def _is_shown(metric: str, marks: Marks) -> bool:
    """Say whether a metric tells nothing of what a marked column holds; of one that was marked later more was measured."""
    column, _, kind = metric.rpartition("|")
    return column not in marks or kind in _WITHOUT_VALUES


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _state(kept: bytes | None) -> "MetricWatch":
    """Return what the bytes say; those of another release say nothing."""
    from lyceum.data.quality.anomalies.public import StateUnreadable, begun, decoded

    try:
        return decoded(kept) if kept is not None else begun()
    except StateUnreadable:
        return begun()


def _progress(kept: bytes | None) -> tuple[int, int]:
    state = _state(kept)
    return state.options.learning_points, len(state.times)


def _listed(kept: bytes) -> list[MetricListed]:
    import numpy as np

    from lyceum.data.quality.anomalies.public import Mark

    state = _state(kept)
    if not state.times:
        return []
    shape = (len(state.times), len(state.names))
    values = np.frombuffer(state.values).reshape(shape)[-1]
    marks = np.frombuffer(state.marks, dtype=np.uint8).reshape(shape)[-1]
    found = []
    for place, metric in enumerate(state.names):
        column, _, kind = metric.rpartition("|")
        value = float(values[place])
        found.append(
            MetricListed(
                metric=metric,
                column=column,
                kind=kind,
                value=value if np.isfinite(value) else None,
                is_odd=bool(marks[place] in (Mark.HELD, Mark.CONFIRMED)),
            )
        )
    return sorted(found, key=lambda one: (one.column, one.kind))


def _points(kept: bytes, metric: str, odd: Iterable[AnomalyRow]) -> list[MetricPoint] | None:
    from lyceum.data.quality.anomalies.public import chart

    by_time = {row.at_seconds: row for row in odd}
    try:
        points = chart(_state(kept), metric)
    except KeyError:
        return None
    found = []
    for point in points[-POINTS_MAX:]:
        anomaly = by_time.get(point.at)
        band: dict[str, Any] = {"low": point.low, "expected": point.expected, "high": point.high}
        if anomaly is not None:
            # as it was when the point came: since then the point itself has widened what is tolerated
            band = next((told for told in anomaly.findings if told["metric"] == metric), band)
        found.append(
            MetricPoint(
                at=_time(point.at),
                value=point.value,
                low=band["low"],
                expected=band["expected"],
                high=band["high"],
                mark=point.mark.name.lower(),
                anomaly_id=anomaly.id if anomaly is not None else None,
                answer=anomaly.answer if anomaly is not None else None,
            )
        )
    return found
