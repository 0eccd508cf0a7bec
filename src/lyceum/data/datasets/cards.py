"""What modules that stand on datasets say of them and of their versions, found by ids."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from lyceum.accounts.public import organisation_names
from lyceum.data.datasets.addresses import AcceptedVersion, DatasetRef, VersionCard, table_key
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow

_VERSIONS_AFTER_MAX = 200
_ROWS_TAKEN_MAX = 200


async def addresses_of_datasets(tx: AsyncSession, dataset_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the address of each dataset the caller may see, archived ones as well: two queries."""
    query = select(DatasetRow.id, DatasetRow.name, DatasetRow.org_id).where(DatasetRow.id.in_(list(dataset_ids)))
    rows = (await tx.execute(query)).all()
    names = await organisation_names(tx, {row.org_id for row in rows})
    return {row.id: f"{names.get(row.org_id, '?')}/{row.name}" for row in rows}


async def version_cards(tx: AsyncSession, version_ids: Iterable[UUID]) -> dict[UUID, VersionCard]:
    """Return the number and state of each version the caller may see: one query, none for none."""
    wanted = list(version_ids)
    if not wanted:
        return {}
    query = select(DatasetVersionRow.id, DatasetVersionRow.number, DatasetVersionRow.state)
    rows = await tx.execute(query.where(DatasetVersionRow.id.in_(wanted)))
    return {row.id: VersionCard(row.id, row.number, row.state) for row in rows}


async def versions_after(tx: AsyncSession, dataset_id: UUID, number: int) -> list[UUID]:
    """Return the ids of a dataset's versions that came after one, of many the newest, for a job that works as its organisation."""
    query = select(DatasetVersionRow.id).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.number > number
    )
    return list(await tx.scalars(query.order_by(DatasetVersionRow.number.desc()).limit(_VERSIONS_AFTER_MAX)))


async def accepted_after(tx: AsyncSession, dataset_id: UUID, number: int, *, limit: int) -> list[AcceptedVersion]:
    """Return a dataset's accepted versions after one that have their rows, oldest first: one query.

    For a job of its organisation.
    """
    version = DatasetVersionRow
    query = select(
        *(version.id, version.org_id, version.number, version.delta_version),
        func.coalesce(version.accepted_at, version.created_at).label("accepted_at"),
    ).where(
        DatasetVersionRow.dataset_id == dataset_id,
        DatasetVersionRow.number > number,
        DatasetVersionRow.state == "accepted",
        DatasetVersionRow.thinned_at.is_(None),
    )
    rows = await tx.execute(query.order_by(DatasetVersionRow.number).limit(limit))
    return [
        AcceptedVersion(row.id, row.number, row.accepted_at, table_key(row.org_id, dataset_id), row.delta_version)
        for row in rows
    ]


async def dataset_of_version(tx: AsyncSession, version_id: UUID) -> DatasetRef:
    """Return the dataset of a version of whatever state, for a job that works as its organisation: two queries.

    Raises `VersionNotFound`.
    """
    query = (
        select(DatasetRow.id, DatasetRow.org_id)
        .join(DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id)
        .where(DatasetVersionRow.id == version_id)
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        raise VersionNotFound(f"There is no dataset version {version_id}.")
    return DatasetRef(row.id, row.org_id, (await addresses_of_datasets(tx, [row.id]))[row.id])


async def rows_taken(tx: AsyncSession, version_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Return (version, version made of its rows) wherever some versions are one of the two, as far as the caller sees both.

    One query; the newest 200.
    """
    made = DatasetVersionRow
    origin = aliased(DatasetVersionRow)
    query = select(origin.id, made.id.label("made_id")).join(origin, origin.id == made.made_of_id)
    ours = list(version_ids)
    query = query.where(or_(made.id.in_(ours), made.made_of_id.in_(ours)), made.made_of_id.is_not(None))
    rows = await tx.execute(query.order_by(made.id.desc()).limit(_ROWS_TAKEN_MAX))
    return [(row.id, row.made_id) for row in rows]


async def datasets_made_of(tx: AsyncSession, dataset_id: UUID) -> list[str]:
    """Return the addresses of datasets with versions made of rows of a dataset, or of rows of such versions.

    As far as the caller sees them.
    """
    made, origin = DatasetVersionRow, aliased(DatasetVersionRow)
    query = select(made.dataset_id).join(origin, origin.id == made.made_of_id).where(made.state == "accepted")
    found, new = {dataset_id}, {dataset_id}
    while new:
        new = set(await tx.scalars(query.where(origin.dataset_id.in_(new)).distinct())) - found
        found |= new
    return sorted((await addresses_of_datasets(tx, found - {dataset_id})).values())


async def tags_of_dataset(tx: AsyncSession, dataset_id: UUID) -> frozenset[str]:
    """Return the tags of a dataset, for a job that works as its organisation; none for one that is gone."""
    return frozenset(await tx.scalar(select(DatasetRow.tags).where(DatasetRow.id == dataset_id)) or ())


async def owner_of_dataset(tx: AsyncSession, dataset_id: UUID) -> UUID | None:
    """Return who made a dataset, for a job that works as its organisation; None for one that was made by nobody."""
    return await tx.scalar(select(DatasetRow.created_by).where(DatasetRow.id == dataset_id))
