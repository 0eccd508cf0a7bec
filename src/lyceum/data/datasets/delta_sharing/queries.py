"""Reads of what a key may read, as shares, schemas and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import (
    Actor,
    Power,
    find_organisation_id,
    granted_ids,
    organisation_names,
    require_to_see,
)
from lyceum.data.datasets.delta_sharing.errors import ShareNotFound
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.handing.public import ReadableVersion, readable_version_for
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.queries import dataset_ref_for

SCHEMA = "datasets"
"""The one schema of every share."""


@dataclass(frozen=True, slots=True)
class SharedName:
    """An organisation or a dataset."""

    id: UUID
    name: str


async def list_shares(tx: AsyncSession, who: Actor, *, limit: int, after: UUID | None) -> list[SharedName]:
    """Return the organisations that have a dataset the caller may read: their own, granted, and shown ones."""
    require_to_see(who, Power.DATASETS_READ)
    readable = or_(
        DatasetRow.org_id == who.org_id, DatasetRow.id == granted_ids("dataset"), DatasetRow.visibility != "private"
    )
    query = select(DatasetRow.org_id).distinct().where(readable, DatasetRow.archived_at.is_(None))
    if after is not None:
        query = query.where(DatasetRow.org_id > after)
    ids = list(await tx.scalars(query.order_by(DatasetRow.org_id).limit(limit)))
    names = await organisation_names(tx, set(ids), who=who)
    return [SharedName(org_id, names.get(org_id, "?")) for org_id in ids]


async def share_for(tx: AsyncSession, who: Actor, share: str, schema: str = SCHEMA) -> SharedName:
    """Return an organisation that has a dataset the caller may read; raises `ShareNotFound`, for another schema too."""
    require_to_see(who, Power.DATASETS_READ)
    if schema != SCHEMA:
        raise ShareNotFound(f"{share} has one schema, {SCHEMA}, and none that is called {schema!r:.100}.")
    org_id = await find_organisation_id(tx, share, who=who)
    has_some = select(DatasetRow.id).where(DatasetRow.org_id == org_id, DatasetRow.archived_at.is_(None)).limit(1)
    if org_id is None or (await tx.execute(has_some)).first() is None:
        raise ShareNotFound(f"There is no share {share!r:.100} that this key may read.")
    return SharedName(org_id, share)


async def list_tables(tx: AsyncSession, share: SharedName, *, limit: int, before: UUID | None) -> Sequence[SharedName]:
    """Return the datasets of a share that was found to be readable, newest first; row-level security shows no others."""
    query = select(DatasetRow.id, DatasetRow.name).where(
        DatasetRow.org_id == share.id, DatasetRow.archived_at.is_(None)
    )
    if before is not None:
        query = query.where(DatasetRow.id < before)
    rows = await tx.execute(query.order_by(DatasetRow.id.desc()).limit(limit))
    return [SharedName(row.id, row.name) for row in rows]


async def table_for(
    tx: AsyncSession, who: Actor, share: str, schema: str, table: str, *, number: int | None, at: datetime | None
) -> ReadableVersion:
    """Return the version a client wants of a dataset: by number, the newest at a time, else the newest of all.

    Raises `ShareNotFound`, `DatasetNotFound`, `VersionNotFound`.
    """
    await share_for(tx, who, share, schema)
    if at is not None:
        number = await _number_at(tx, who, share, table, func.max(DatasetVersionRow.number), at, since=False)
    return await readable_version_for(tx, who, share, table, number)


async def first_number_since(tx: AsyncSession, who: Actor, share: str, table: str, since: datetime) -> int:
    """Return the number of the first version accepted at a time or later; raises `VersionNotFound`."""
    return await _number_at(tx, who, share, table, func.min(DatasetVersionRow.number), since, since=True)


async def _number_at(
    tx: AsyncSession, who: Actor, share: str, table: str, which: ColumnElement[int | None], at: datetime, *, since: bool
) -> int:
    dataset = await dataset_ref_for(tx, who, share, table, need=Power.DATASETS_READ)
    moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    accepted = DatasetVersionRow.accepted_at
    number = await tx.scalar(
        select(which).where(
            DatasetVersionRow.dataset_id == dataset.id,
            DatasetVersionRow.state == "accepted",
            accepted >= moment if since else accepted <= moment,
        )
    )
    if number is None:
        when = "since" if since else "at"
        raise VersionNotFound(f"The dataset {dataset.address} has no version {when} {moment.isoformat()}.")
    return int(number)
