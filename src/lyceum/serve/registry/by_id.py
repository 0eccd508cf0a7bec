"""Models and their versions by their ids, for what stands on the registry."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, organisation_names
from lyceum.serve.registry.models import ModelRow, ModelVersionRow
from lyceum.serve.registry.queries import model_row_for


@dataclass(frozen=True, slots=True)
class ServedModelVersion:
    """A model version: whose it is, what it takes and gives, and where what it saw in training lies."""

    id: UUID
    org_id: UUID
    model_id: UUID
    name: str
    number: int
    signature: dict[str, Any]
    reference_path: str | None
    created_by: UUID | None


async def model_id_for(tx: AsyncSession, who: Actor, org: str, name: str) -> UUID:
    """Return the id of a model that the caller may read; raises `ModelNotFound`."""
    return (await model_row_for(tx, who, org, name, need=Power.MODELS_READ)).id


async def model_id_to_change(tx: AsyncSession, who: Actor, org: str, name: str) -> UUID:
    """Return the id of a model that the caller may change, acting in its organisation; raises `ModelNotFound`."""
    return (await model_row_for(tx, who, org, name, need=Power.MODELS_WRITE)).id


async def numbers_of_versions(tx: AsyncSession, version_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the number of each version that the caller sees: one query."""
    query = select(ModelVersionRow.id, ModelVersionRow.number).where(ModelVersionRow.id.in_(list(version_ids)))
    return {row.id: row.number for row in await tx.execute(query)}


async def addresses_of_model_versions(tx: AsyncSession, version_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return `org/name@number` of each version that the caller sees, of models that are not archived: two queries, none for none."""
    if not version_ids:
        return {}
    query = (
        select(ModelVersionRow.id, ModelVersionRow.number, ModelRow.name, ModelRow.org_id)
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelVersionRow.id.in_(list(version_ids)), ModelRow.archived_at.is_(None))
    )
    rows = (await tx.execute(query)).all()
    names = await organisation_names(tx, {row.org_id for row in rows})
    return {row.id: f"{names.get(row.org_id, '?')}/{row.name}@{row.number}" for row in rows}


async def version_by_id(tx: AsyncSession, version_id: UUID) -> ServedModelVersion | None:
    """Return a version of a model, archived or not: one query."""
    query = (
        select(ModelVersionRow, ModelRow.name)
        .join(ModelRow, ModelRow.id == ModelVersionRow.model_id)
        .where(ModelVersionRow.id == version_id)
    )
    found = (await tx.execute(query)).one_or_none()
    if found is None:
        return None
    row, name = found
    return ServedModelVersion(
        id=row.id,
        org_id=row.org_id,
        model_id=row.model_id,
        name=name,
        number=row.number,
        signature=row.signature,
        reference_path=row.reference_path,
        created_by=row.created_by,
    )
