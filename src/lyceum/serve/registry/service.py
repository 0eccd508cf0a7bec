"""Writes of the registry: register a version, move an alias, archive a model."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.errors import NotAllowed
from lyceum.accounts.public import Actor, Power, require
from lyceum.kernel.ids import new_id
from lyceum.serve.registry.errors import ModelArchived, ModelNameInvalid, ModelVersionNotFound
from lyceum.serve.registry.models import ModelAliasRow, ModelRow, ModelVersionRow
from lyceum.serve.registry.queries import as_version, model_for, model_row_for, writing_to
from lyceum.serve.registry.schemas import Model, ModelVersion

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,62}")
RESERVED_ALIASES = frozenset({"latest"})


@dataclass(frozen=True, slots=True)
class NewModelVersion:
    """What is registered: a stored artefact, its signature and parity, and where it came from (ids only).

    `operation_id` is that of what made it: registering the same operation with a model again returns its version there.
    """

    operation_id: UUID
    artifact_path: str
    artifact_sha256: str
    artifact_bytes: int
    reference_path: str | None
    signature: dict[str, Any]
    parity: dict[str, Any]
    origin: dict[str, Any]
    description: str = ""


async def register_version(
    tx: AsyncSession, who: Actor, name: str, wanted: NewModelVersion, *, alias: str | None
) -> ModelVersion:
    """Add a version to the model `name` of the organisation acted in, making the model when it is new.

    Raises `ModelNameInvalid`, `ModelArchived` in the moment of archiving. Versions are numbered from 1 without a gap.
    """
    org_id = require(who, Power.MODELS_WRITE)
    if _NAME.fullmatch(name) is None:
        raise ModelNameInvalid(
            f"{name[:100]!r} cannot be a model's name: use letters, digits, dots, dashes, underscores."
        )
    made = insert(ModelRow).values(
        id=new_id(), org_id=org_id, name=name, description=wanted.description, created_by=who.user_id
    )
    await tx.execute(made.on_conflict_do_nothing())
    # Two versions of one model wait here for each other.
    model = await tx.scalar(
        select(ModelRow).where(ModelRow.org_id == org_id, ModelRow.name_key == name.lower()).with_for_update()
    )
    if model is None:
        raise ModelArchived(f"The model {name} was archived just now; register again to make a new one.")
    row = await _add_version(tx, who, model, wanted)
    if alias is not None:
        await _point(tx, who, model, alias, row)
    return as_version(row, f"{who.org_name}/{model.name}")


async def set_alias(tx: AsyncSession, who: Actor, org: str, name: str, alias: str, number: int) -> Model:
    """Have an alias name another version from now on; raises `ModelNameInvalid`, `ModelVersionNotFound`."""
    async with writing_to(tx, who, org, name) as writer:
        return await _set_alias(tx, writer, org, name, alias, number)


async def _set_alias(tx: AsyncSession, who: Actor, org: str, name: str, alias: str, number: int) -> Model:
    model = await model_row_for(tx, who, org, name, need=Power.MODELS_WRITE)
    version = await tx.scalar(
        select(ModelVersionRow).where(ModelVersionRow.model_id == model.id, ModelVersionRow.number == number)
    )
    if version is None:
        raise ModelVersionNotFound(f"The model {org}/{name} has no version {number}.")
    note_audit(before=await model_for(tx, who, org, name))
    await _point(tx, who, model, alias, version)
    return await model_for(tx, who, org, name)


async def mark(tx: AsyncSession, who: Actor, org: str, name: str, *, sensitive: bool) -> Model:
    """Have every read of a model recorded from now on, or no longer: for members of its organisation to say.

    Raises `ModelNotFound`, and `NotAllowed` for whoever was granted to change the model.
    """
    async with writing_to(tx, who, org, name) as writer:
        if writer is not who:
            raise NotAllowed(f"Whether reads of {org}/{name} are recorded is for members of {org} to say.")
    model = await model_row_for(tx, who, org, name, need=Power.MODELS_WRITE)
    note_audit(before=await model_for(tx, who, org, name))
    model.sensitive = sensitive
    await tx.flush()
    return await model_for(tx, who, org, name)


async def archive(tx: AsyncSession, who: Actor, org: str, name: str) -> None:
    """Take a model out of service and out of sight, and free its name; its versions and log stay."""
    model = await model_row_for(tx, who, org, name, need=Power.MODELS_WRITE)
    model.archived_at = datetime.now(UTC)
    model.name = f"{model.name[:50]}.archived.{model.id.hex}"
    await tx.flush()


async def _add_version(tx: AsyncSession, who: Actor, model: ModelRow, wanted: NewModelVersion) -> ModelVersionRow:
    same = await tx.scalar(
        select(ModelVersionRow).where(
            ModelVersionRow.operation_id == wanted.operation_id, ModelVersionRow.model_id == model.id
        )
    )
    if same is not None:
        return same
    highest = await tx.scalar(select(func.max(ModelVersionRow.number)).where(ModelVersionRow.model_id == model.id))
    row = ModelVersionRow(
        org_id=model.org_id,
        model_id=model.id,
        number=(highest or 0) + 1,
        operation_id=wanted.operation_id,
        format="onnx",
        artifact_path=wanted.artifact_path,
        artifact_sha256=wanted.artifact_sha256,
        artifact_bytes=wanted.artifact_bytes,
        reference_path=wanted.reference_path,
        signature=wanted.signature,
        parity=wanted.parity,
        origin=wanted.origin,
        created_by=who.user_id,
    )
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return row


async def _point(tx: AsyncSession, who: Actor, model: ModelRow, alias: str, version: ModelVersionRow) -> None:
    if _ALIAS.fullmatch(alias) is None or alias in RESERVED_ALIASES:
        raise ModelNameInvalid(
            f"{alias[:70]!r} cannot be an alias: use small letters, digits, dashes and underscores, and not `latest`."
        )
    statement = insert(ModelAliasRow).values(
        org_id=model.org_id, model_id=model.id, alias=alias, version_id=version.id, set_by=who.user_id
    )
    moved = statement.on_conflict_do_update(
        index_elements=["model_id", "alias"],
        set_={"version_id": version.id, "set_by": who.user_id, "set_at": func.now()},
    )
    await tx.execute(moved)
