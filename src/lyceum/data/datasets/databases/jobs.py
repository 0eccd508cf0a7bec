"""The jobs that read databases: once, and again whenever a dataset's schedule says so."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets import versions
from lyceum.data.datasets.accepting import accept_read, tell_progress
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.databases.beginning import begin_reading
from lyceum.data.datasets.databases.locations import database_location
from lyceum.data.datasets.databases.models import SqlSourceRow
from lyceum.data.datasets.databases.sealing import opened_wish
from lyceum.data.datasets.databases.work import ImportAgain, ImportSql, Reading, Wish
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.work import AcceptedTable, Intake
from lyceum.files.public import content_key_for
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def _prepare(run: JobRun, args: ImportSql, judges: tuple[VersionJudge, ...]) -> Reading:
    resources = run.resources
    async with transaction(resources.database, run.scope) as tx:
        row = await tx.get(DatasetVersionRow, args.version_id)
        if row is None:
            raise VersionNotFound(f"There is no version {args.version_id} to read.")
        sealed = await tx.scalar(select(DatasetVersionRow.fetch_sealed).where(DatasetVersionRow.id == row.id))
        wish = opened_wish(resources, row.id, bytes(sealed or b""))
        intake = Intake(
            upload_key=await content_key_for(tx, row.upload_id) if row.upload_id is not None else "",
            file_name=row.file_name,
            format=None,
            table_key=table_key(row.org_id, row.dataset_id),
            operation_id=str(row.operation_id),
            leftovers_older_than_seconds=resources.settings.upload_ttl_seconds,
            questions=await questions_to(tx, row.id, judges),
        )
    # names are looked up with no transaction open
    return await reading_of(resources, wish, intake)


async def reading_of(resources: Resources, wish: Wish, intake: Intake) -> Reading:
    """Return what is read of which judged addresses; raises `AddressRefused`, `AddressAway`."""
    settings = resources.settings
    reading = Reading(
        kind="sqlite",
        table=wish.table,
        query=wish.query,
        statement_seconds=settings.sql_import_statement_seconds,
        rows_max=settings.sql_import_rows_max,
        bytes_max=settings.upload_bytes_max,
        intake=intake,
    )
    if wish.url is None:
        return reading
    place = database_location(wish.url)
    return msgspec.structs.replace(
        reading,
        kind=place.kind,
        host=place.host,
        port=place.port,
        addresses=tuple(map(str, await Outward.configured(settings).judged(place.host, place.port))),
        user=place.user,
        password=place.password,
        database=place.database,
        tls=place.tls,
    )


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Has what is read judged, and accepts it."""

    followers: tuple[versions.VersionFollower, ...]
    judges: tuple[VersionJudge, ...]

    async def prepare(self, run: JobRun, args: ImportSql) -> Reading:
        return await _prepare(run, args, self.judges)

    async def conclude(self, tx: AsyncSession, run: JobRun, args: ImportSql, table: AcceptedTable) -> None:
        await accept_read(tx, run, args.version_id, table, self.followers, self.judges)
        await _forget_sealed(tx, args.version_id)


async def _gave_up(tx: AsyncSession, args: ImportSql, error: dict[str, Any] | None, state: str) -> None:
    await versions.reject(tx, args.version_id, versions.why(error, state))
    await _forget_sealed(tx, args.version_id)


async def _forget_sealed(tx: AsyncSession, version_id: UUID) -> None:
    decided = (DatasetVersionRow.id == version_id) & (DatasetVersionRow.state != "pending")
    await tx.execute(update(DatasetVersionRow).where(decided).values(fetch_sealed=None))


async def _again(run: JobRun, args: ImportAgain) -> dict[str, bool]:
    async with transaction(run.resources.database, run.scope) as tx:
        source = await tx.get(SqlSourceRow, args.dataset_id)
        dataset = await tx.get(DatasetRow, args.dataset_id)
        # the job's own id: an attempt after one that was cut off begins no second version
        if source is None or dataset is None or dataset.archived_at is not None or dataset.dormant_at is not None:
            return {"begun": False}
        if await tx.get(DatasetVersionRow, run.job_id) is not None:
            return {"begun": False}
        wish = opened_wish(run.resources, source.dataset_id, source.wish_sealed)
        await begin_reading(tx, run.resources, dataset, wish, run.job_id, upload=None, by=run.scope.user_id)
    return {"begun": True}


def handlers(
    followers: tuple[versions.VersionFollower, ...], judges: tuple[VersionJudge, ...]
) -> tuple[HeavyHandler | LightHandler, ...]:
    """Return what runs these jobs; `followers` and `judges` are as those of `data.datasets.jobs`."""
    accepting = _Accepting(followers, judges)
    return (
        HeavyHandler(
            args_type=ImportSql,
            prepare=accepting.prepare,
            compute="lyceum.data.datasets.databases.taking:take_in",
            output_type=AcceptedTable,
            conclude=accepting.conclude,
            on_event=tell_progress,
            gave_up=_gave_up,
        ),
        LightHandler(args_type=ImportAgain, run=_again),
    )
