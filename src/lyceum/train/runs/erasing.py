"""How training runs go with their organisation."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.accounts.privacy.public import Eraser
from lyceum.kernel.db import Scope
from lyceum.kernel.holding import remove_below_or_wait
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.train.runs.models import TrainingRunRow, TrialRow


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its training runs and the files of models, registered ones with them."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in (TrialRow, TrainingRunRow):
            await tx.execute(delete(row).where(row.org_id == org_id))
    await remove_below_or_wait(resources.database, resources.storage, f"models/{org_id}")


ERASER = Eraser("runs", of_organisation=_of_organisation)
