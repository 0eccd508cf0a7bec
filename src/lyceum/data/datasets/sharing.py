"""Datasets as something to grant, and those who change one that they were granted."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import (
    Actor,
    GrantableKind,
    ObjectCard,
    ObjectRef,
    Power,
    acting_as,
    guest_for,
    organisation_names,
    require,
)
from lyceum.data.datasets.addresses import DatasetAddress
from lyceum.data.datasets.errors import DatasetNotFound
from lyceum.data.datasets.models import DatasetRow
from lyceum.data.datasets.queries import dataset_not_found, dataset_row_for

KIND = "dataset"
"""What grants call them."""


async def object_at(tx: AsyncSession, who: Actor, address: str) -> ObjectRef:
    """Return a dataset as something to grant; raises `AddressInvalid`, `DatasetNotFound`."""
    parts = DatasetAddress.parse(address)
    row = await dataset_row_for(tx, who, parts.org, parts.name, need=Power.DATASETS_READ)
    return ObjectRef(row.id, row.org_id, f"{parts.org}/{row.name}")


async def cards_of(tx: AsyncSession, dataset_ids: Collection[UUID]) -> dict[UUID, ObjectCard]:
    """Return what a list says of datasets, as far as they are seen: two queries."""
    query = select(DatasetRow.id, DatasetRow.org_id, DatasetRow.name, DatasetRow.description)
    rows = (await tx.execute(query.where(DatasetRow.id.in_(list(dataset_ids)), DatasetRow.archived_at.is_(None)))).all()
    names = await organisation_names(tx, {row.org_id for row in rows})
    return {row.id: ObjectCard(f"{names.get(row.org_id, '?')}/{row.name}", row.description[:200]) for row in rows}


GRANTABLE = GrantableKind(KIND, find=object_at, cards=cards_of)


@asynccontextmanager
async def writing_to(tx: AsyncSession, who: Actor, org: str, name: str) -> AsyncIterator[Actor]:
    """Yield the caller as they may write to the dataset at `org/name`: themselves in their own organisation, else a guest.

    Until the block ends, `tx` works for the dataset's organisation. Raises `DatasetNotFound` for whoever was not granted to
    change it.
    """
    if org == who.org_name and Power.DATASETS_WRITE in who.powers:
        yield who
        return
    row = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    async with _acting(tx, who, row, org, need=Power.DATASETS_WRITE) as writer:
        yield writer


@asynccontextmanager
async def writing_to_dataset(tx: AsyncSession, who: Actor, dataset_id: UUID, org_id: UUID) -> AsyncIterator[Actor]:
    """Yield the caller as `writing_to` does, for what belongs to a dataset that they see; raises `DatasetNotFound`."""
    async with acting_on_dataset(tx, who, dataset_id, org_id, need=Power.DATASETS_WRITE) as writer:
        yield writer


@asynccontextmanager
async def acting_on_dataset(
    tx: AsyncSession, who: Actor, dataset_id: UUID, org_id: UUID, *, need: Power
) -> AsyncIterator[Actor]:
    """Yield the caller as they may do `need` with what belongs to a dataset that they see: themselves, else a guest.

    Until the block ends, `tx` works for the dataset's organisation. Raises `DatasetNotFound`, and `NotAllowed` in one's own.
    """
    if org_id == who.org_id and need in who.powers:
        yield who
        return
    row = await tx.get(DatasetRow, dataset_id)
    if row is None or row.archived_at is not None:
        raise DatasetNotFound(f"There is no dataset {dataset_id} that you may change.")
    names = await organisation_names(tx, {row.org_id})
    async with _acting(tx, who, row, names[row.org_id], need=need) as guest:
        yield guest


@asynccontextmanager
async def _acting(tx: AsyncSession, who: Actor, row: DatasetRow, org: str, *, need: Power) -> AsyncIterator[Actor]:
    guest = await guest_for(tx, who, kind=KIND, object_id=row.id, org_id=row.org_id, org_name=org, need=need)
    if guest is None:
        require(who, need)
        raise dataset_not_found(org, row.name, need)
    # what was read as somebody else is read anew
    tx.expunge(row)
    async with acting_as(tx, guest):
        yield guest


async def acts_on_dataset(tx: AsyncSession, who: Actor, dataset_id: UUID, org_id: UUID, *, need: Power) -> bool:
    """Say whether the caller may do `need` with what belongs to a dataset: at most one query."""
    if org_id == who.org_id and need in who.powers:
        return True
    guest = await guest_for(tx, who, kind=KIND, object_id=dataset_id, org_id=org_id, org_name="", need=need)
    return guest is not None
