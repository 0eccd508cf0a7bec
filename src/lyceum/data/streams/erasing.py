"""How streams go with their organisation."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.accounts.privacy.public import Eraser
from lyceum.data.streams.models import DeadLetterRow, StreamConsumerRow, StreamPartitionRow, StreamRow
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its streams, how far they were read, and the messages that were held."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in (DeadLetterRow, StreamConsumerRow, StreamPartitionRow, StreamRow):
            await tx.execute(delete(row).where(row.org_id == org_id))


ERASER = Eraser("streams", of_organisation=_of_organisation)
