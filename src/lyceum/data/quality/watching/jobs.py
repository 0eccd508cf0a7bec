"""The job that watches a dataset's metrics: after each accepted version, those that it has not seen yet."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import accepted_after, marks_of_dataset, version_table_by_id
from lyceum.data.quality.events import QualityJudged
from lyceum.data.quality.watching.models import AnomalyRow, DatasetWatchRow
from lyceum.data.quality.watching.wording import metric_in_words
from lyceum.data.quality.watching.work import VersionToWatch, WatchedTable, WatchedVersion, WatchWork
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.tx import transaction

WATCHED_FROM_VERSIONS = 10
"""A dataset with so many versions is watched though nobody asked for it."""
ALARM_SHARE = 0.05
DETECTORS = ("seasonal", "robust", "smoothing", "forest")
VERSIONS_PER_JOB_MAX = 30
METRICS = "metrics"
"""The kind of incidents, and what is watched: one incident for all metrics of a dataset."""
CRITICAL_FROM_TIMES_THRESHOLD = 2.0


class WatchMetrics(JobArgs, frozen=True, kw_only=True):
    """Measure the versions of a dataset that were not watched yet, oldest first."""

    kind = "data.watch_metrics"
    lane = "short"
    attempts_max = 3
    seconds_max = 3600
    dataset_id: UUID


async def watch_version(tx: AsyncSession, version_id: UUID) -> None:
    """Have an accepted version watched, of a dataset that is; one with versions enough is from now on."""
    table = await version_table_by_id(tx, version_id)
    watch = await tx.get(DatasetWatchRow, table.dataset_id)
    if watch is None:
        if table.number < WATCHED_FROM_VERSIONS:
            return
        await begin_watch(tx, table.dataset_id, table.org_id)
    elif not watch.enabled:
        return
    await watch_soon(tx, table.dataset_id)


async def begin_watch(tx: AsyncSession, dataset_id: UUID, org_id: UUID) -> None:
    """Have a dataset watched, as one is that nobody has set anything for; nothing changes when it is."""
    values = {
        "dataset_id": dataset_id,
        "org_id": org_id,
        "enabled": True,
        "alarm_share": ALARM_SHARE,
        "detectors": list(DETECTORS),
    }
    await tx.execute(insert(DatasetWatchRow).values(values).on_conflict_do_nothing())


async def watch_soon(tx: AsyncSession, dataset_id: UUID) -> None:
    """Have the versions watched that were not; one job of a dataset at a time."""
    await enqueue(tx, WatchMetrics(dataset_id=dataset_id), ordering_key=f"watch:{dataset_id}")


async def _prepare(run: JobRun, args: WatchMetrics) -> WatchWork:
    async with transaction(run.resources.database, run.scope) as tx:
        watch = await tx.get(DatasetWatchRow, args.dataset_id)
        if watch is None or not watch.enabled:
            return WatchWork(versions=[], alarm_share=ALARM_SHARE, detectors=[], state=None, memory=None, revision=0)
        found = await accepted_after(tx, args.dataset_id, watch.watched_number, limit=VERSIONS_PER_JOB_MAX)
        masked = tuple(await marks_of_dataset(tx, args.dataset_id))
        return WatchWork(
            versions=[
                VersionToWatch(
                    version_id=version.id,
                    number=version.number,
                    at_seconds=version.accepted_at.timestamp(),
                    table_key=version.table_key,
                    delta_version=version.delta_version,
                    masked=masked,
                )
                for version in found
            ],
            alarm_share=watch.alarm_share,
            detectors=watch.detectors,
            state=watch.state,
            memory=watch.memory,
            revision=watch.revision,
        )


async def _conclude(tx: AsyncSession, run: JobRun, args: WatchMetrics, output: WatchedTable) -> None:
    del run
    if not output.versions:
        return
    watch = await tx.get(DatasetWatchRow, args.dataset_id, with_for_update=True, populate_existing=True)
    if watch is None or not watch.enabled:
        return
    if watch.revision != output.revision:
        # somebody has answered meanwhile, and what was computed does not know it
        await watch_soon(tx, args.dataset_id)
        return
    watch.state, watch.memory = output.state, output.memory
    watch.watched_number = output.versions[-1].number
    watch.revision += 1
    for told in output.versions:
        await _tell(tx, watch, told)
    await tx.flush()
    if len(output.versions) == VERSIONS_PER_JOB_MAX:
        await watch_soon(tx, args.dataset_id)


async def _tell(tx: AsyncSession, watch: DatasetWatchRow, told: WatchedVersion) -> None:
    if told.is_odd:
        row = AnomalyRow(
            id=new_id(),
            org_id=watch.org_id,
            dataset_id=watch.dataset_id,
            version_number=told.number,
            at_seconds=told.at_seconds,
            score=told.score,
            threshold=told.threshold,
            findings=told.findings,
        )
        tx.add(row)
        await tx.flush()
        await publish(tx, _odd(row, told))
    elif told.ends:
        await publish(tx, usual_again(watch.dataset_id, told.version_id, f"version:{told.number}", told.number))


def _odd(row: AnomalyRow, told: WatchedVersion) -> QualityJudged:
    names = "; ".join(metric_in_words(finding["metric"]) for finding in told.findings[:3])
    summary = f"Version {told.number} is unlike those before it: {names}."
    is_grave = told.score >= CRITICAL_FROM_TIMES_THRESHOLD * told.threshold
    return QualityJudged(
        dataset_id=row.dataset_id,
        kind=METRICS,
        subject=METRICS,
        source=judged_source(row.dataset_id, told.number),
        judged_at=datetime.now(UTC),
        holds=False,
        severity="critical" if is_grave else "warning",
        title="Metrics",
        summary=summary,
        version_id=told.version_id,
        evidence={
            "anomaly_id": str(row.id),
            "score": told.score,
            "threshold": told.threshold,
            "metrics": told.findings[:3],
        },
    )


def judged_source(dataset_id: UUID, number: int) -> str:
    """Return what names the judgement that a version was odd."""
    return f"watch:{dataset_id}:{number}"


def usual_again(dataset_id: UUID, version_id: UUID | None, why: str, number: int) -> QualityJudged:
    """Return what tells that nothing of a dataset's metrics is odd any more; `why` names the occasion."""
    return QualityJudged(
        dataset_id=dataset_id,
        kind=METRICS,
        subject=METRICS,
        source=f"watch:{dataset_id}:usual:{why}",
        judged_at=datetime.now(UTC),
        holds=True,
        severity="info",
        title="Metrics",
        summary=f"The metrics of version {number} are as usual.",
        version_id=version_id,
    )


HANDLERS = (
    HeavyHandler(
        args_type=WatchMetrics,
        prepare=_prepare,
        compute="lyceum.data.quality.watching.observing:watch_versions",
        output_type=WatchedTable,
        conclude=_conclude,
        preload=("lyceum.data.quality.watching.observing",),
    ),
)
