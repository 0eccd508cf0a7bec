"""How models go with their organisation."""

from uuid import UUID

from sqlalchemy import delete, text

from lyceum.accounts.privacy.public import Eraser
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.serve.registry.models import ModelAliasRow, ModelRow, ModelVersionRow

_WATCHED = text("DELETE FROM watched_versions WHERE org_id = :org")
_LOG = text("DELETE FROM prediction_log WHERE org_id = :org")


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its models, and what was predicted with them."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        await tx.execute(_WATCHED, {"org": org_id})
        for row in (ModelAliasRow, ModelVersionRow, ModelRow):
            await tx.execute(delete(row).where(row.org_id == org_id))
        await tx.execute(_LOG, {"org": org_id})


ERASER = Eraser("models", of_organisation=_of_organisation)
