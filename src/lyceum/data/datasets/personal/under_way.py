"""Nobody begins a version of a dataset while somebody is being erased from it: its log is written anew.

What only reads goes on meanwhile, and is told at its end.
"""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.errors import ErasureUnderWay
from lyceum.data.datasets.personal.models import ErasureRow
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import job_for


async def is_erasing(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether somebody is being erased from the dataset."""
    query = select(ErasureRow.id).where(ErasureRow.dataset_id == dataset_id, ErasureRow.state == "queued")
    return await tx.scalar(query.limit(1)) is not None


async def refuse_while_erasing(tx: AsyncSession, dataset_id: UUID) -> None:
    """Raise `ErasureUnderWay` for who begins a version meanwhile; asked once its row is there, which keeps erasures out."""
    if await is_erasing(tx, dataset_id):
        raise ErasureUnderWay("Somebody is being erased from this dataset; begin a version when that is done.")


async def is_version_under_way(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether a version of the dataset is being made."""
    pending = select(DatasetVersionRow.id).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.state == "pending"
    )
    return await tx.scalar(pending.limit(1)) is not None


async def is_erased_meanwhile(tx: AsyncSession, run: JobRun, dataset_id: UUID) -> bool:
    """Say whether somebody was erased from the dataset since the attempt began, which may have read their rows still.

    Nobody is until `tx` ends. Asked before it locks anything else, for an erasure locks the dataset before what it cuts.
    """
    await tx.execute(
        select(DatasetRow.id).where(DatasetRow.id == dataset_id).with_for_update(read=True, key_share=True)
    )
    job = await job_for(tx, run.job_id)
    done = select(ErasureRow.id).where(
        ErasureRow.dataset_id == dataset_id,
        ErasureRow.state == "done",
        ErasureRow.finished_at >= (job.started_at or job.created_at),
    )
    return await tx.scalar(done.limit(1)) is not None
