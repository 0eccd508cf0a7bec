"""Reads of searches for odd rows."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.accounts.public import Actor, Power, require_to_see
from lyceum.data.datasets.public import marks_of_version, note_read_of_version, version_for
from lyceum.data.datasets.rows.public import mask_of
from lyceum.data.quality.oddrows.errors import OddRowSearchNotFound
from lyceum.data.quality.oddrows.models import OddRowSearchRow
from lyceum.data.quality.oddrows.schemas import OddRow, OddRowSearch, OddRowSearchListed


async def list_searches(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None, *, limit: int, before: UUID | None = None
) -> list[OddRowSearchListed]:
    """Return the searches for odd rows of a dataset's version, the latest for None, newest first."""
    version = await version_for(tx, who, org, name, number)
    query = select(OddRowSearchRow).where(OddRowSearchRow.version_id == version.id)
    if before is not None:
        query = query.where(OddRowSearchRow.id < before)
    return [as_listed(row) for row in await tx.scalars(query.order_by(OddRowSearchRow.id.desc()).limit(limit))]


async def search_for(tx: AsyncSession, who: Actor, search_id: UUID) -> OddRowSearch:
    """Return a search with what it found; raises `OddRowSearchNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    row = await tx.get(OddRowSearchRow, search_id, options=[undefer(OddRowSearchRow.result)])
    if row is None:
        raise OddRowSearchNotFound(f"There is no search for odd rows {search_id} that you may read.")
    await note_read_of_version(tx, row.version_id)
    marks = await marks_of_version(tx, row.version_id)
    found = [OddRow.model_validate(one) for one in (row.result or {}).get("rows", [])]
    for column in (column for one in found for column in one.columns if column.column in marks):
        # one may have been marked since
        column.value = column.usual = mask_of(marks[column.column])
    return OddRowSearch(**as_listed(row).model_dump(), rows=found)


def as_listed(row: OddRowSearchRow) -> OddRowSearchListed:
    """Return the row as lists show it."""
    return OddRowSearchListed(
        id=row.id,
        version_id=row.version_id,
        state=row.state,
        job_id=row.job_id,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
