"""What a dataset's checks counted, kept for its next version."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.personal.public import ErasureRow, is_erasing
from lyceum.data.datasets.public import dataset_of_version, marks_of_dataset
from lyceum.data.quality.models import CheckRunRow, CheckStateRow
from lyceum.data.quality.work import StateToKeep


async def kept_state(tx: AsyncSession, dataset_id: UUID) -> bytes | None:
    """Return what was kept of a dataset's newest checked version, if anything was."""
    found: bytes | None = await tx.scalar(select(CheckStateRow.state).where(CheckStateRow.dataset_id == dataset_id))
    return found


async def keep_state(tx: AsyncSession, check_run: CheckRunRow, found: StateToKeep | None) -> None:
    """Keep what a run counted, unless a newer version's is kept or it may hold what is to be forgotten by now."""
    if found is None:
        return
    dataset = await dataset_of_version(tx, check_run.version_id)
    changed = dict(await marks_of_dataset(tx, dataset.id)) != found.marks
    if changed or await _was_erased(tx, dataset.id, since=check_run.created_at):
        return
    given = {"delta_version": found.delta_version, "state": found.state, "kept_at": func.now()}
    row = insert(CheckStateRow).values(dataset_id=dataset.id, org_id=check_run.org_id, **given)
    newer = CheckStateRow.delta_version < row.excluded.delta_version
    again = (CheckStateRow.delta_version == row.excluded.delta_version) & (CheckStateRow.state != row.excluded.state)
    await tx.execute(row.on_conflict_do_update(index_elements=["dataset_id"], set_=given, where=newer | again))


async def forget_state(tx: AsyncSession, dataset_id: UUID) -> None:
    """Forget what was kept of a dataset; its next version is checked from its first row."""
    await tx.execute(delete(CheckStateRow).where(CheckStateRow.dataset_id == dataset_id))


async def _was_erased(tx: AsyncSession, dataset_id: UUID, *, since: datetime) -> bool:
    done = exists().where(ErasureRow.dataset_id == dataset_id, ErasureRow.finished_at >= since)
    return await is_erasing(tx, dataset_id) or bool(await tx.scalar(select(done)))
