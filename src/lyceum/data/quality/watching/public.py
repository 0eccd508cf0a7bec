"""The door of what watches metrics."""

from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.quality.watching.models import AnomalyRow, DatasetWatchRow

__all__ = ["forget_of_organisation"]


async def forget_of_organisation(tx: AsyncSession, org_id: UUID) -> None:
    """Remove all that was learned of an organisation's datasets."""
    for row in (AnomalyRow, DatasetWatchRow):
        await tx.execute(delete(row).where(row.org_id == org_id))
