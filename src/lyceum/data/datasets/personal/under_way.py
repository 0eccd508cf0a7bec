"""Nobody begins a version of a dataset while somebody is being erased from it: its log is written anew."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.personal.errors import ErasureUnderWay
from lyceum.data.datasets.personal.models import ErasureRow


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
