"""The door of searches for odd rows."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.quality.oddrows.models import OddRowSearchRow

__all__ = ["forget_of_organisation", "forget_rows_of", "versions_searched"]


async def forget_of_organisation(tx: AsyncSession, org_id: UUID) -> None:
    """Remove all odd rows that were found in an organisation's datasets."""
    await tx.execute(delete(OddRowSearchRow).where(OddRowSearchRow.org_id == org_id))


async def forget_rows_of(tx: AsyncSession, version_ids: Collection[UUID]) -> None:
    """Remove what searches of some versions found, for the rows it was found among are not those of the versions any more."""
    await tx.execute(delete(OddRowSearchRow).where(OddRowSearchRow.version_id.in_(list(version_ids))))


async def versions_searched(tx: AsyncSession, version_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some versions are about to be searched, so that their rows stay: one query."""
    waiting = (OddRowSearchRow.version_id.in_(list(version_ids)), OddRowSearchRow.state == "queued")
    return set(await tx.scalars(select(OddRowSearchRow.version_id).where(*waiting)))
