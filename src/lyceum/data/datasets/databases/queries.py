"""Reads of the database a dataset is read from."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.databases.errors import SourceNotSet
from lyceum.data.datasets.databases.locations import database_location
from lyceum.data.datasets.databases.models import SqlSourceRow
from lyceum.data.datasets.databases.schemas import SqlSource
from lyceum.data.datasets.databases.sealing import opened_wish
from lyceum.data.datasets.databases.work import Wish
from lyceum.data.datasets.queries import dataset_row_for
from lyceum.data.datasets.sharing import writing_to
from lyceum.kernel.jobs.recurring import next_time
from lyceum.kernel.resources import Resources


async def source_for(tx: AsyncSession, who: Actor, resources: Resources, org: str, name: str) -> SqlSource:
    """Return where a dataset is read from, to whoever may change it; raises `DatasetNotFound`, `SourceNotSet`."""
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        row = await source_row_for(tx, dataset.id)
        return as_source(row, opened_wish(resources, row.dataset_id, row.wish_sealed))


async def source_row_for(tx: AsyncSession, dataset_id: UUID) -> SqlSourceRow:
    """Return the source of a dataset that was found; raises `SourceNotSet`."""
    row = await tx.get(SqlSourceRow, dataset_id)
    if row is None:
        raise SourceNotSet("This dataset has no database that it is read from; send where to read, or set its source.")
    return row


def as_source(row: SqlSourceRow, wish: Wish) -> SqlSource:
    """Return the row as those who may change it see it."""
    next_at = next_time(row.cron, row.zone, after=row.changed_at) if row.cron is not None else None
    return SqlSource(
        address=database_location(wish.url or "").shown,
        table=wish.table,
        query=wish.query,
        cron=row.cron,
        zone=row.zone,
        next_at=next_at,
        changed_at=row.changed_at,
    )
