"""Jobs of datasets: read an upload as a version, and settle versions whose job ended without a verdict."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets import versions
from lyceum.data.datasets.accepting import accept_read, tell_progress
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.retention import FORGET_EVERY_SECONDS, ForgetRejected, forget_rejected
from lyceum.data.datasets.rows.public import sweep_staging
from lyceum.data.datasets.work import AcceptedTable, Intake, UploadFormat
from lyceum.data.datasets.workplaces import sweep_workplaces
from lyceum.files.public import content_key_for
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, JobNotFound, job_for
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction

SETTLE_EVERY_SECONDS = 60
SETTLE_AT_ONCE = 100
SWEEP_EVERY_SECONDS = 3600
READ_SECONDS_MAX = 2 * 3600
"""Enough for the largest upload there may be by default, from an object store that gives a megabyte a second."""
SETTLE_SECONDS_MAX = 600


class ReadUpload(JobArgs, frozen=True, kw_only=True):
    """Read an upload, commit it to the dataset's table, and accept the version."""

    kind = "data.read_upload"
    job_class = "high"
    lane = "short"
    attempts_max = 3
    seconds_max = READ_SECONDS_MAX
    needs_room = True
    version_id: UUID
    format: UploadFormat | None = None
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None


class SettleVersions(JobArgs, frozen=True, kw_only=True):
    """Reject pending versions whose job has ended without a verdict."""

    kind = "data.settle_versions"
    job_class = "background"
    attempts_max = 1
    seconds_max = SETTLE_SECONDS_MAX


class SweepStaging(JobArgs, frozen=True, kw_only=True):
    """Remove what was staged for versions that never came about, and what killed processes were reading."""

    kind = "data.sweep_staging"
    job_class = "background"
    attempts_max = 1
    seconds_max = SWEEP_EVERY_SECONDS


async def _prepare(run: JobRun, args: ReadUpload, judges: tuple[VersionJudge, ...]) -> Intake:
    async with transaction(run.resources.database, run.scope) as tx:
        row = await tx.get(DatasetVersionRow, args.version_id)
        if row is None or row.upload_id is None:
            raise VersionNotFound(f"There is no version {args.version_id} to read.")
        return Intake(
            upload_key=await content_key_for(tx, row.upload_id),
            file_name=row.file_name,
            format=args.format,
            encoding=args.encoding,
            delimiter=args.delimiter,
            has_header=args.has_header,
            table_key=table_key(row.org_id, row.dataset_id),
            operation_id=str(row.operation_id),
            leftovers_older_than_seconds=run.resources.settings.upload_ttl_seconds,
            questions=await questions_to(tx, row.id, judges),
        )


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Has what is read judged, and accepts it."""

    followers: tuple[versions.VersionFollower, ...]
    judges: tuple[VersionJudge, ...]

    async def prepare(self, run: JobRun, args: ReadUpload) -> Intake:
        return await _prepare(run, args, self.judges)

    async def conclude(self, tx: AsyncSession, run: JobRun, args: ReadUpload, table: AcceptedTable) -> None:
        await accept_read(tx, run, args.version_id, table, self.followers, self.judges)


async def _gave_up(tx: AsyncSession, args: ReadUpload, error: dict[str, Any] | None, state: str) -> None:
    await versions.reject(tx, args.version_id, versions.why(error, state))


async def _settle(run: JobRun, _args: SettleVersions) -> dict[str, int]:
    async with transaction(run.resources.database, NOBODY) as tx:
        undecided = await versions.list_undecided(tx, limit=SETTLE_AT_ONCE)
    for version_id, org_id in undecided:
        async with transaction(run.resources.database, Scope(org_id=org_id)) as tx:
            await versions.reject(tx, version_id, await _reason(tx, version_id))
    return {"rejected": len(undecided)}


async def _reason(tx: AsyncSession, version_id: UUID) -> dict[str, Any]:
    """Return why a version's job ended without a verdict, as far as the job is there to tell."""
    row = await tx.get(DatasetVersionRow, version_id)
    try:
        job = await job_for(tx, row.job_id) if row is not None and row.job_id is not None else None
    except JobNotFound:
        return versions.NEVER_READ
    return versions.why(job.error, job.state) if job is not None else versions.NEVER_READ


def clear_up(settings: Settings) -> None:
    """Remove what processes that were killed on this machine have left; another machine's workers cannot."""
    sweep_workplaces(settings.home, older_than_seconds=settings.upload_ttl_seconds)


async def _sweep(run: JobRun, _args: SweepStaging) -> dict[str, int]:
    settings = run.resources.settings
    await asyncio.to_thread(clear_up, settings)
    return {"removed": await sweep_staging(run.resources.storage, older_than_seconds=settings.upload_ttl_seconds)}


def handlers(
    followers: tuple[versions.VersionFollower, ...], judges: tuple[VersionJudge, ...]
) -> tuple[HeavyHandler | LightHandler, ...]:
    """Return what runs the jobs of datasets.

    `followers` hear of each version in the transaction that accepts it; `judges` look at its rows before they are committed.
    """
    accepting = _Accepting(followers, judges)
    return (
        HeavyHandler(
            args_type=ReadUpload,
            prepare=accepting.prepare,
            compute="lyceum.data.datasets.intake:take_in",
            output_type=AcceptedTable,
            conclude=accepting.conclude,
            on_event=tell_progress,
            gave_up=_gave_up,
            preload=("lyceum.data.datasets.intake",),
        ),
        LightHandler(args_type=SettleVersions, run=_settle),
        LightHandler(args_type=SweepStaging, run=_sweep),
        LightHandler(args_type=ForgetRejected, run=forget_rejected),
    )


SCHEDULES = (
    Schedule(every_seconds=SETTLE_EVERY_SECONDS, make=SettleVersions),
    Schedule(every_seconds=SWEEP_EVERY_SECONDS, make=SweepStaging),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetRejected),
)
