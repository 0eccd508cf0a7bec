"""What is left of a deleted organisation here: nothing."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.kernel.db import Scope
from lyceum.kernel.holding import remove_below
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def erase(resources: Resources, org_id: UUID) -> None:
    """Remove its datasets with their versions and tables; safe to run twice."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in (DatasetVersionRow, DatasetRow):
            await tx.execute(delete(row).where(row.org_id == org_id))
    await remove_below(resources.database, resources.storage, f"tables/{org_id}")
