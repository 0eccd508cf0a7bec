"""Having tables of databases read as versions, once or again and again."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.databases.beginning import begin_reading
from lyceum.data.datasets.databases.errors import ImportUnclear
from lyceum.data.datasets.databases.locations import database_location, read_only_query, table_parts
from lyceum.data.datasets.databases.models import SqlSourceRow
from lyceum.data.datasets.databases.queries import as_source, source_row_for
from lyceum.data.datasets.databases.schemas import NewSqlImport, SqlSource, SqlSourceSetting
from lyceum.data.datasets.databases.sealing import opened_wish, sealed_wish
from lyceum.data.datasets.databases.work import ImportAgain, Wish
from lyceum.data.datasets.models import DatasetRow
from lyceum.data.datasets.queries import as_version, dataset_row_for
from lyceum.data.datasets.readiness import require_awake
from lyceum.data.datasets.schemas import Version
from lyceum.data.datasets.sharing import writing_to
from lyceum.files.public import hand_over, take
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.recurring import next_time, put_schedule, remove_schedule
from lyceum.kernel.resources import Resources
from lyceum.kernel.usage import refuse_past_quota


async def begin_import(
    tx: AsyncSession, who: Actor, resources: Resources, org: str, name: str, wanted: NewSqlImport
) -> Version:
    """Have a table or a query read as the dataset's next version; the answer is pending and names the job.

    Raises `DatasetNotFound`, `ImportUnclear`, `DatabaseUrlInvalid`, `QueryRefused`, `SourceNotSet`, `StorageQuotaExceeded`,
    and what taking an upload raises.
    """
    if wanted.url is not None and wanted.upload_id is not None:
        raise ImportUnclear("Send the address of a database or an upload that is one, not both.")
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        require_awake(dataset, f"{org}/{dataset.name}")
        await refuse_past_quota(tx, resources.settings)
        if wanted.url is None and wanted.upload_id is None:
            wish = await _of_source(tx, resources, dataset, wanted)
        else:
            wish = _checked(Wish(url=wanted.url, table=wanted.table, query=wanted.query))
        upload = None
        if wanted.upload_id is not None:
            if writer is not who:
                await hand_over(tx, wanted.upload_id, dataset_id=dataset.id)
            upload = await take(tx, writer, wanted.upload_id)
        row = await begin_reading(tx, resources, dataset, wish, new_id(), upload=upload, by=who.user_id)
        return as_version(row, f"{org}/{dataset.name}")


async def set_source(
    tx: AsyncSession, who: Actor, resources: Resources, org: str, name: str, wanted: SqlSourceSetting
) -> SqlSource:
    """Say where a dataset is read from, and when again; raises what `begin_import` raises, and `ScheduleInvalid`."""
    wish = _checked(Wish(url=wanted.url, table=wanted.table, query=wanted.query))
    if wanted.cron is not None:
        next_time(wanted.cron, wanted.zone, after=datetime.now(UTC))
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        values = {
            "wish_sealed": sealed_wish(resources, dataset.id, wish),
            "cron": wanted.cron,
            "zone": wanted.zone,
            "changed_at": datetime.now(UTC),
        }
        statement = insert(SqlSourceRow).values(dataset_id=dataset.id, org_id=dataset.org_id, **values)
        await tx.execute(statement.on_conflict_do_update(index_elements=["dataset_id"], set_=values))
        if wanted.cron is not None:
            again = ImportAgain(dataset_id=dataset.id)
            await put_schedule(tx, _schedule(dataset.id), again, cron=wanted.cron, zone=wanted.zone)
        else:
            await remove_schedule(tx, _schedule(dataset.id))
        return as_source(await source_row_for(tx, dataset.id), wish)


async def forget_source(tx: AsyncSession, who: Actor, org: str, name: str) -> None:
    """Forget where a dataset is read from, and its password; raises `SourceNotSet`."""
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        await tx.delete(await source_row_for(tx, dataset.id))
        await remove_schedule(tx, _schedule(dataset.id))
        await tx.flush()


def _schedule(dataset_id: UUID) -> str:
    return f"sql import {dataset_id}"


async def _of_source(tx: AsyncSession, resources: Resources, dataset: DatasetRow, wanted: NewSqlImport) -> Wish:
    if wanted.table is not None or wanted.query is not None:
        raise ImportUnclear("Send the address of the database as well, or an upload that is one.")
    row = await source_row_for(tx, dataset.id)
    return opened_wish(resources, row.dataset_id, row.wish_sealed)


def _checked(wish: Wish) -> Wish:
    """Return what can be asked; raises `ImportUnclear`, `DatabaseUrlInvalid`, `QueryRefused`."""
    if (wish.table is None) == (wish.query is None):
        raise ImportUnclear("Name a table or write a query: one of the two.")
    if wish.url is not None:
        database_location(wish.url)
    if wish.table is not None:
        table_parts(wish.table)
        return wish
    return Wish(url=wish.url, query=read_only_query(wish.query or ""))
