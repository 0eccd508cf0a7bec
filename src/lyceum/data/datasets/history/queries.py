"""Reads of comparisons."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require_to_see
from lyceum.data.datasets.history.errors import DiffNotFound
from lyceum.data.datasets.history.models import DatasetDiffRow
from lyceum.data.datasets.history.schemas import Diff, DiffResult
from lyceum.data.datasets.queries import addresses_of_versions, note_read_of_version


async def diff_for(tx: AsyncSession, who: Actor, diff_id: UUID) -> Diff:
    """Return a comparison, done or not; raises `DiffNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    row = await tx.get(DatasetDiffRow, diff_id)
    found = await addresses_of_versions(tx, {row.before_id, row.after_id}) if row is not None else {}
    if row is None or row.before_id not in found or row.after_id not in found:
        raise DiffNotFound(f"There is no comparison {diff_id} that you may read.")
    await note_read_of_version(tx, row.after_id)
    address, before = found[row.before_id]
    return as_diff(row, address, before, found[row.after_id][1])


def as_diff(row: DatasetDiffRow, address: str, before: int, after: int) -> Diff:
    """Return the row as its readers see it."""
    return Diff(
        id=row.id,
        dataset=address,
        before=before,
        after=after,
        key=row.key_columns,
        state=row.state,
        job_id=row.job_id,
        result=DiffResult.model_validate(row.result) if row.result is not None else None,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


async def versions_compared(tx: AsyncSession, version_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some versions are about to be compared, for a job of their organisation: one query."""
    ids = set(version_ids)
    query = select(DatasetDiffRow.before_id, DatasetDiffRow.after_id).where(
        DatasetDiffRow.finished_at.is_(None), DatasetDiffRow.before_id.in_(ids) | DatasetDiffRow.after_id.in_(ids)
    )
    return ids & {version_id for row in await tx.execute(query) for version_id in row}
