"""Versions beside the one that is worked on."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.queries import version_table_by_id


async def earlier_version_by_id(tx: AsyncSession, version_id: UUID, number: int | None = None) -> VersionTable | None:
    """Return where the rows of a dataset's accepted version `number` lie, for None of the one before `version_id`.

    For a job that works as its organisation. None when there is no such version.
    """
    this = await tx.get(DatasetVersionRow, version_id)
    if this is None or this.number is None:
        return None
    wanted = DatasetVersionRow.number < this.number if number is None else DatasetVersionRow.number == number
    query = (
        select(DatasetVersionRow.id)
        .where(DatasetVersionRow.dataset_id == this.dataset_id, DatasetVersionRow.state == "accepted", wanted)
        .order_by(DatasetVersionRow.number.desc())
        .limit(1)
    )
    found = await tx.scalar(query)
    return None if found is None else await version_table_by_id(tx, found)


async def latest_version_of(tx: AsyncSession, dataset_id: UUID) -> VersionTable | None:
    """Return where the rows of a dataset's newest accepted version lie; None where it has none or is archived.

    For a job that works as its organisation, or whoever was found to change the dataset.
    """
    query = (
        select(DatasetVersionRow.id)
        .join(DatasetRow, DatasetRow.id == DatasetVersionRow.dataset_id)
        .where(
            DatasetVersionRow.dataset_id == dataset_id,
            DatasetVersionRow.state == "accepted",
            DatasetVersionRow.number.is_not(None),
            DatasetRow.archived_at.is_(None),
        )
        .order_by(DatasetVersionRow.number.desc())
        .limit(1)
    )
    found = await tx.scalar(query)
    return None if found is None else await version_table_by_id(tx, found)
