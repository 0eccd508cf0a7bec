"""The door of what watches metrics."""

from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.quality.watching.models import AnomalyRow, DatasetWatchRow

__all__ = ["forget_of_organisation", "forget_values"]


async def forget_of_organisation(tx: AsyncSession, org_id: UUID) -> None:
    """Remove all that was learned of an organisation's datasets."""
    for row in (AnomalyRow, DatasetWatchRow):
        await tx.execute(delete(row).where(row.org_id == org_id))


async def forget_values(tx: AsyncSession, dataset_id: UUID) -> None:
    """Forget what a watch remembers of values, which its next versions teach anew; its metrics and their bands stay."""
    watch = DatasetWatchRow
    # a job that is at work remembers them still: by the revision it is done again
    forgotten = {"memory": None, "revision": watch.revision + 1}
    await tx.execute(update(watch).where(watch.dataset_id == dataset_id).values(forgotten))
