"""How schemas go with their organisation."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.accounts.privacy.public import Eraser
from lyceum.data.schemas.models import (
    RegisteredSchemaRow,
    SchemaReferenceRow,
    SchemaRegistryRow,
    SchemaSubjectRow,
    SchemaVersionRow,
)
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its schemas, their subjects and what they say of them."""
    rows = (SchemaReferenceRow, SchemaVersionRow, RegisteredSchemaRow, SchemaSubjectRow, SchemaRegistryRow)
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in rows:
            await tx.execute(delete(row).where(row.org_id == org_id))


ERASER = Eraser("schemas", of_organisation=_of_organisation)
