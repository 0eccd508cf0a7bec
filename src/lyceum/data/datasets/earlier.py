"""Versions beside the one that is worked on."""

from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Power, find_organisation_id
from lyceum.data.datasets.addresses import DatasetAddress, VersionTable
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.queries import as_version_table, dataset_not_found, version_at, version_table_by_id


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


async def version_table_at(tx: AsyncSession, address: str) -> VersionTable:
    """Return where the rows of `org/name` or `org/name@3` lie, for a job: its organisation's, and what is shown to all.

    Raises `AddressInvalid`, `DatasetNotFound`, `VersionNotFound`.
    """
    parts = DatasetAddress.parse(address)
    org_id = await find_organisation_id(tx, parts.org)
    found = await version_at(tx, org_id, parts.name, parts.number) if org_id is not None else None
    if found is None:
        raise dataset_not_found(parts.org, parts.name, Power.DATASETS_READ)
    if found.id is None:
        raise VersionNotFound(f"The dataset {parts.org}/{parts.name} has no such version.")
    return as_version_table(found, f"{parts.org}/{found.dataset_name}", dataset=found)
