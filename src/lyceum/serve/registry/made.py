"""Which model versions came of an operation, such as a training."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import organisation_names
from lyceum.serve.registry.models import ModelAliasRow, ModelRow, ModelVersionRow

VERSIONS_MAX = 100


@dataclass(frozen=True, slots=True)
class MadeVersion:
    """A model version, what made it, and the aliases that name it; `address` is `org/name`."""

    id: UUID
    operation_id: UUID
    address: str
    number: int
    aliases: tuple[str, ...]


async def versions_made_by(tx: AsyncSession, operation_ids: Collection[UUID]) -> list[MadeVersion]:
    """Return the model versions that some operations made and the caller sees, newest first: at most three queries."""
    if not operation_ids:
        return []
    query = (
        select(
            ModelVersionRow.id,
            ModelVersionRow.operation_id,
            ModelVersionRow.number,
            ModelRow.name,
            ModelRow.org_id,
        )
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelVersionRow.operation_id.in_(list(operation_ids)), ModelRow.archived_at.is_(None))
        .order_by(ModelVersionRow.id.desc())
        .limit(VERSIONS_MAX)
    )
    rows = (await tx.execute(query)).all()
    if not rows:
        return []
    names = await organisation_names(tx, {row.org_id for row in rows})
    aliases: dict[UUID, list[str]] = {}
    named = select(ModelAliasRow.version_id, ModelAliasRow.alias).where(
        ModelAliasRow.version_id.in_([row.id for row in rows])
    )
    for alias in await tx.execute(named.order_by(ModelAliasRow.alias)):
        aliases.setdefault(alias.version_id, []).append(alias.alias)
    return [
        MadeVersion(
            id=row.id,
            operation_id=row.operation_id,
            address=f"{names.get(row.org_id, '?')}/{row.name}",
            number=row.number,
            aliases=tuple(aliases.get(row.id, ())),
        )
        for row in rows
    ]
