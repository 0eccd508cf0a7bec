"""How tables go with their organisation."""

from uuid import UUID

from lyceum.accounts.privacy.public import Eraser
from lyceum.kernel.holding import remove_below_or_wait
from lyceum.kernel.resources import Resources


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    await remove_below_or_wait(resources.database, resources.storage, f"tables/{org_id}")


ERASER = Eraser("tables", of_organisation=_of_organisation)
