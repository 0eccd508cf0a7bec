"""What is left of a deleted organisation here: nothing."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.files.models import UploadPartRow, UploadRow
from lyceum.kernel.db import Scope
from lyceum.kernel.holding import remove_below
from lyceum.kernel.models import StorageUsageRow
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def erase(resources: Resources, org_id: UUID) -> None:
    """Remove its uploads, and the count of what it keeps; safe to run twice."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in (UploadPartRow, UploadRow, StorageUsageRow):
            await tx.execute(delete(row).where(row.org_id == org_id))
    await remove_below(resources.database, resources.storage, f"uploads/{org_id}")
