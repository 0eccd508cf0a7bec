"""How datasets go with their organisation."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.accounts.privacy.public import Eraser
from lyceum.data.datasets.databases.public import SqlSourceRow
from lyceum.data.datasets.history.public import DatasetDiffRow
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.public import ErasureRow
from lyceum.data.datasets.pushes.public import forget_of_organisation
from lyceum.kernel.db import Scope
from lyceum.kernel.holding import remove_below_or_wait
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its datasets with their versions, what was pushed to them, and tables."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        await forget_of_organisation(tx, org_id)
        for row in (SqlSourceRow, ErasureRow, DatasetDiffRow, DatasetVersionRow, DatasetRow):
            await tx.execute(delete(row).where(row.org_id == org_id))
    await remove_below_or_wait(resources.database, resources.storage, f"tables/{org_id}")


ERASER = Eraser("datasets", of_organisation=_of_organisation)
