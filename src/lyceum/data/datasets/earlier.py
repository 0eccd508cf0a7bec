"""Versions beside the one that is worked on."""

from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.queries import version_table_by_id


async def earlier_version_by_id(tx: AsyncSession, version_id: UUID, number: int | None = None) -> VersionTable | None:
    """Return where the rows of a dataset's accepted version `number` lie, for None of the one before `version_id`.

    Before one that is still being made comes the latest. For a job that works as its organisation. None when there is no such version.
    """
    this = await tx.get(DatasetVersionRow, version_id)
    if this is None:
        return None
    wanted: ColumnElement[bool] = DatasetVersionRow.number == number
    if number is None:
        wanted = DatasetVersionRow.number < this.number if this.number is not None else true()
    query = (
        select(DatasetVersionRow.id)
        .where(DatasetVersionRow.dataset_id == this.dataset_id, DatasetVersionRow.state == "accepted", wanted)
        .where(DatasetVersionRow.thinned_at.is_(None))
        .order_by(DatasetVersionRow.number.desc())
        .limit(1)
    )
    found = await tx.scalar(query)
    return None if found is None else await version_table_by_id(tx, found)
