"""Jobs of pushes: begin a version of what waits, append it to the table, and look for what was forgotten.

One version at a time is made of a dataset's pushes. Whoever begins one locks the dataset and looks whether another is under
way; whoever ends one begins the next where more has come meanwhile.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets import versions
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.appends.public import is_overtaken, latest_of, lock_dataset
from lyceum.data.datasets.appends.tables.public import AppendTarget
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.public import is_erasing
from lyceum.data.datasets.pushes import buffer
from lyceum.data.datasets.pushes.work import Appended, Appending, BatchToAppend
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction

FILE_NAME = "pushed records"
APPEND_SECONDS_MAX = 3600
BEGIN_SECONDS_MAX = 60
SWEEP_EVERY_SECONDS = 60
SWEPT_AT_ONCE = 1000


class BeginFlush(JobArgs, frozen=True, kw_only=True):
    """Begin a version of what was pushed to a dataset, unless one is being made."""

    kind = "data.begin_flush"
    job_class = "high"
    seconds_max = BEGIN_SECONDS_MAX
    dataset_id: UUID


class AppendPushed(JobArgs, frozen=True, kw_only=True):
    """Append pushed records to the dataset's table as its next version."""

    kind = "data.append_pushed"
    job_class = "high"
    lane = "short"
    attempts_max = 3
    seconds_max = APPEND_SECONDS_MAX
    needs_room = True
    version_id: UUID


class SweepPushes(JobArgs, frozen=True, kw_only=True):
    """Begin versions of what has waited longer than it should: what came back, and what nobody asked for any more."""

    kind = "data.sweep_pushes"
    job_class = "background"
    attempts_max = 1
    seconds_max = 600


async def begin_flush(tx: AsyncSession, dataset_id: UUID) -> UUID | None:
    """Begin a version of what waits, and return its id; None where nothing waits or one is being made."""
    if not await lock_dataset(tx, dataset_id) or await buffer.is_under_way(tx, dataset_id):
        return None
    if not await buffer.any_waiting(tx, dataset_id) or await is_erasing(tx, dataset_id):
        return None
    row = DatasetVersionRow(
        org_id=tx.info["scope"].org_id,
        dataset_id=dataset_id,
        file_name=FILE_NAME,
        source={"format": buffer.PUSHED},
        created_by=await buffer.pusher_of(tx, dataset_id),
    )
    tx.add(row)
    await tx.flush()
    await buffer.take(tx, dataset_id, row.id)
    row.job_id = await enqueue(tx, AppendPushed(version_id=row.id))
    await tx.flush()
    return row.id


async def _begin(run: JobRun, args: BeginFlush) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        await begin_flush(tx, args.dataset_id)


async def _prepare(run: JobRun, args: AppendPushed, judges: tuple[VersionJudge, ...]) -> Appending:
    async with transaction(run.resources.database, run.scope) as tx:
        row = await tx.get(DatasetVersionRow, args.version_id)
        if row is None:
            raise VersionNotFound(f"There is no version {args.version_id} to append records for.")
        batches = await buffer.taken_by(tx, row.id)
        target = AppendTarget(
            table_key=table_key(row.org_id, row.dataset_id),
            operation_id=str(row.operation_id),
            base=await latest_of(tx, row.dataset_id),
            leftovers_older_than_seconds=run.resources.settings.upload_ttl_seconds,
            questions=await questions_to(tx, row.id, judges),
        )
        return Appending(
            batches=tuple(BatchToAppend(id=one.id, form=one.form, records=one.records) for one in batches),
            target=target,
            declared=await _declared(tx, row.dataset_id) if target.base is None else None,
        )


async def _declared(tx: AsyncSession, dataset_id: UUID) -> tuple[tuple[str, str], ...] | None:
    columns = await tx.scalar(select(DatasetRow.declared_columns).where(DatasetRow.id == dataset_id))
    return None if columns is None else tuple((name, kind) for name, kind in columns)


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Has what is appended judged, and accepts it."""

    followers: tuple[versions.VersionFollower, ...]
    judges: tuple[VersionJudge, ...]

    async def prepare(self, run: JobRun, args: AppendPushed) -> Appending:
        return await _prepare(run, args, self.judges)

    async def conclude(self, tx: AsyncSession, run: JobRun, args: AppendPushed, appended: Appended) -> None:
        dataset_id = await _accept(tx, args, appended, self)
        window_seconds = run.resources.settings.push_flush_seconds
        # what came since has a job of its own at the end of its window
        if dataset_id is not None and await buffer.any_overdue(tx, dataset_id, every_seconds=window_seconds):
            await begin_flush(tx, dataset_id)


async def _accept(tx: AsyncSession, args: AppendPushed, appended: Appended, accepting: _Accepting) -> UUID | None:
    """Accept the version, and return its dataset; None where there is nothing to accept, or not yet."""
    row = await tx.get(DatasetVersionRow, args.version_id, with_for_update=True)
    if row is None or row.state != "pending":
        return None
    await lock_dataset(tx, row.dataset_id)
    if await is_overtaken(tx, row.dataset_id, appended.appended):
        # what was committed is left unread
        row.operation_id = new_id()
        row.job_id = await enqueue(tx, AppendPushed(version_id=row.id))
        await tx.flush()
        return None
    await _hold_back(tx, row, appended)
    await versions.accept(tx, row.id, appended.appended.table, accepting.followers, accepting.judges)
    await tx.refresh(row)
    if row.state == "accepted":
        await buffer.leave(tx, row.id)
    return row.dataset_id


async def _hold_back(tx: AsyncSession, row: DatasetVersionRow, appended: Appended) -> None:
    """Keep the batches that do not fit with a rejected version of their own, which says why."""
    if not appended.unfitting:
        return
    held = DatasetVersionRow(
        org_id=row.org_id,
        dataset_id=row.dataset_id,
        file_name=FILE_NAME,
        source={"format": buffer.PUSHED},
        created_by=row.created_by,
    )
    tx.add(held)
    await tx.flush()
    await buffer.hand_to(tx, [one.batch_id for one in appended.unfitting], held.id)
    first = appended.unfitting[0].reason
    more = f" So do {len(appended.unfitting) - 1:,} more pushes." if len(appended.unfitting) > 1 else ""
    detail = f"The columns changed after these records were pushed, and they do not fit any more. {first}{more}"
    error = {"code": "records_unfitting", "title": "The records do not fit", "status": 422, "detail": detail}
    await versions.reject(tx, held.id, error)


async def _gave_up(tx: AsyncSession, args: AppendPushed, error: dict[str, Any] | None, state: str) -> None:
    await versions.reject(tx, args.version_id, versions.why(error, state))


async def _sweep(run: JobRun, _args: SweepPushes) -> dict[str, int]:
    longer_than = timedelta(seconds=SWEEP_EVERY_SECONDS + run.resources.settings.push_flush_seconds)
    async with transaction(run.resources.database, NOBODY) as tx:
        overdue = await buffer.list_overdue(tx, longer_than=longer_than, limit=SWEPT_AT_ONCE)
    begun = 0
    for dataset_id, org_id in overdue:
        async with transaction(run.resources.database, Scope(org_id=org_id)) as tx:
            begun += await begin_flush(tx, dataset_id) is not None
    return {"begun": begun}


def handlers(
    followers: tuple[versions.VersionFollower, ...], judges: tuple[VersionJudge, ...]
) -> tuple[HeavyHandler | LightHandler, ...]:
    """Return what runs these jobs; `followers` and `judges` are as those of `data.datasets.jobs`."""
    accepting = _Accepting(followers, judges)
    return (
        LightHandler(args_type=BeginFlush, run=_begin),
        HeavyHandler(
            args_type=AppendPushed,
            prepare=accepting.prepare,
            compute="lyceum.data.datasets.pushes.appending:append",
            output_type=Appended,
            conclude=accepting.conclude,
            gave_up=_gave_up,
            preload=("lyceum.data.datasets.pushes.appending",),
        ),
        LightHandler(args_type=SweepPushes, run=_sweep),
    )


SCHEDULES = (Schedule(every_seconds=SWEEP_EVERY_SECONDS, make=SweepPushes),)
