"""Archives made and removed, and people who leave, as jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.privacy.archive import folder_of, make_archive
from lyceum.accounts.privacy.erasing import erase_files_of, erase_person
from lyceum.accounts.privacy.models import ExportRow
from lyceum.accounts.privacy.providers import Eraser, Exporter
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.holding import remove_unless_held
from lyceum.kernel.jobs.handlers import Handler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction

LOOK_EVERY_SECONDS = 3600
DUE_AT_ONCE = 100
EXPORT_SECONDS_MAX = 3600
ERASE_SECONDS_MAX = 4 * 3600
ERASE_ATTEMPTS_MAX = 30
SWEPT_AGAIN_AFTER = timedelta(hours=1)
"""What a process that was under way wrote after the files were removed is removed then."""

EXPORTS_TOLD_OF = timedelta(days=30)
"""How long one learns that an archive was there, or could not be made, once it is gone."""
FORGOTTEN_AT_ONCE = 5_000

_FORGET = text("SELECT definer.exports_forget(:told_of, :at_most)")
_EXPIRED = text("SELECT id, user_id, content_key FROM definer.exports_expired(:at_most)")
_DUE = text("SELECT user_id FROM definer.deletions_due(:at_most)")


class MakeExport(JobArgs, frozen=True, kw_only=True):
    """Make the archive of a person's data."""

    kind = "privacy.make_export"
    seconds_max = EXPORT_SECONDS_MAX
    export_id: UUID
    user_id: UUID


class KeepPromises(JobArgs, frozen=True, kw_only=True):
    """Remove archives whose time is over, forget those that have long been gone, and begin with those who leave now."""

    kind = "privacy.keep_promises"
    job_class = "background"
    attempts_max = 1
    seconds_max = LOOK_EVERY_SECONDS


class ErasePerson(JobArgs, frozen=True, kw_only=True):
    """Erase a person who asked for it."""

    kind = "privacy.erase_person"
    attempts_max = ERASE_ATTEMPTS_MAX
    seconds_max = ERASE_SECONDS_MAX
    user_id: UUID


class SweepErased(JobArgs, frozen=True, kw_only=True):
    """Remove once more what lies where the files of organisations were that are gone."""

    kind = "privacy.sweep_erased"
    job_class = "background"
    attempts_max = ERASE_ATTEMPTS_MAX
    seconds_max = ERASE_SECONDS_MAX
    organisation_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class PrivacyJobs:
    """The jobs over all modules' providers."""

    exporters: tuple[Exporter, ...]
    erasers: tuple[Eraser, ...]

    def handlers(self) -> tuple[Handler, ...]:
        """Return what runs each kind of job."""
        return (
            LightHandler(args_type=MakeExport, run=self._make_export, gave_up=_export_failed),
            LightHandler(args_type=KeepPromises, run=keep_promises),
            LightHandler(args_type=ErasePerson, run=self._erase),
            LightHandler(args_type=SweepErased, run=self._sweep),
        )

    async def _make_export(self, run: JobRun, args: MakeExport) -> dict[str, int]:
        resources = run.resources
        async with transaction(resources.database, Scope(user_id=args.user_id), writes=False) as tx:
            state = await tx.scalar(select(ExportRow.state).where(ExportRow.id == args.export_id))
        if state != "queued":
            return {"bytes": 0}
        key = f"{folder_of(args.user_id)}/{args.export_id}.zip"
        stored = await make_archive(resources, args.user_id, self.exporters, key=key)
        now = datetime.now(UTC)
        made = {
            "state": "ready",
            "content_key": key,
            "byte_count": stored.byte_count,
            "sha256": stored.sha256,
            "ready_at": now,
            "expires_at": now + timedelta(days=resources.settings.personal_export_days),
        }
        async with transaction(resources.database, Scope(user_id=args.user_id)) as tx:
            await tx.execute(update(ExportRow).where(ExportRow.id == args.export_id).values(made))
        return {"bytes": stored.byte_count}

    async def _erase(self, run: JobRun, args: ErasePerson) -> dict[str, int]:
        erased = await erase_person(run.resources, args.user_id, self.erasers)
        if erased is None or not erased.organisation_ids:
            return {"organisations": 0}
        async with transaction(run.resources.database, NOBODY) as tx:
            sweep = SweepErased(organisation_ids=erased.organisation_ids)
            await enqueue(tx, sweep, run_at=datetime.now(UTC) + SWEPT_AGAIN_AFTER)
        return {"organisations": len(erased.organisation_ids)}

    async def _sweep(self, run: JobRun, args: SweepErased) -> None:
        for org_id in args.organisation_ids:
            await erase_files_of(run.resources, org_id, self.erasers)


async def keep_promises(run: JobRun, _args: KeepPromises) -> dict[str, int]:
    """Return how many archives were removed, how many forgotten, and how many people begin to leave."""
    expired = await _expire(run)
    told = {"told_of": EXPORTS_TOLD_OF}
    forgotten = await forget_in_batches(run.resources.database, _FORGET, told, at_once=FORGOTTEN_AT_ONCE)
    async with transaction(run.resources.database, NOBODY) as tx:
        due = list(await tx.scalars(_DUE, {"at_most": DUE_AT_ONCE}))
        for user_id in due:
            await enqueue(tx, ErasePerson(user_id=user_id), dedup_key=f"erase:{user_id}")
    return {"expired": expired, "forgotten": forgotten, "leaving": len(due)}


async def _expire(run: JobRun) -> int:
    resources = run.resources
    async with transaction(resources.database, NOBODY) as tx:
        expired = (await tx.execute(_EXPIRED, {"at_most": DUE_AT_ONCE})).all()
    for row in expired:
        await remove_unless_held(resources.database, resources.storage, row.content_key)
        if await resources.storage.byte_count(row.content_key) is not None:
            continue
        async with transaction(resources.database, Scope(user_id=row.user_id)) as tx:
            gone = {"state": "expired", "content_key": None, "byte_count": None, "sha256": None}
            await tx.execute(update(ExportRow).where(ExportRow.id == row.id).values(gone))
    return len(expired)


async def _export_failed(tx: AsyncSession, args: MakeExport, _error: object, _state: str) -> None:
    await tx.execute(text("SELECT definer.export_failed(:id)"), {"id": args.export_id})


def privacy_jobs(exporters: Iterable[Exporter], erasers: Iterable[Eraser]) -> PrivacyJobs:
    """Return the jobs over these providers."""
    return PrivacyJobs(tuple(exporters), tuple(erasers))


SCHEDULES = (Schedule(every_seconds=LOOK_EVERY_SECONDS, make=KeepPromises),)
