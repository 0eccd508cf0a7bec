"""Reads of the registry: permission and fetching are one call."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import and_, func, literal_column, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, note_sensitive_read
from lyceum.accounts.public import (
    Actor,
    GrantableKind,
    ObjectCard,
    ObjectRef,
    Power,
    acting_as,
    find_organisation_id,
    granted_ids,
    guest_for,
    organisation_names,
    require,
    require_to_see,
)
from lyceum.serve.registry.errors import ModelNotFound, ModelVersionNotFound
from lyceum.serve.registry.models import ModelAliasRow, ModelRow, ModelVersionRow
from lyceum.serve.registry.schemas import Model, ModelVersion, ParityOut

KIND = "model"
"""What grants call them."""
# a maximum in groups would read every version
_LATEST_NUMBER = (
    select(ModelVersionRow.number)
    .where(ModelVersionRow.model_id == ModelRow.id)
    .order_by(ModelVersionRow.number.desc())
    .limit(1)
    .correlate(ModelRow)
    .scalar_subquery()
)


async def model_row_for(tx: AsyncSession, who: Actor, org: str, name: str, *, need: Power) -> ModelRow:
    """Return the model at `org/name` when the caller may do `need` there.

    Raises `ModelNotFound` also where the caller may not know of it. To write, one acts in its organisation.
    """
    own_org = _require(who, need)
    org_id = await find_organisation_id(tx, org, who=who)
    query = select(ModelRow).where(
        ModelRow.org_id == org_id, ModelRow.name_key == name.lower(), ModelRow.archived_at.is_(None)
    )
    row = await tx.scalar(query) if org_id is not None else None
    if row is None or (need is Power.MODELS_WRITE and row.org_id != own_org):
        raise ModelNotFound(f"There is no model {org}/{name} that you may {_verb(need)}.")
    address = f"{org}/{row.name}"
    note_audit("model", row.id, address=address, org_id=row.org_id)
    if row.sensitive:
        note_sensitive_read("model", row.id, address=address, org_id=row.org_id)
    return row


async def model_for(tx: AsyncSession, who: Actor, org: str, name: str) -> Model:
    """Return a model the caller may read; raises `ModelNotFound`."""
    row = await model_row_for(tx, who, org, name, need=Power.MODELS_READ)
    return (await _as_models(tx, who, [row]))[0]


async def object_at(tx: AsyncSession, who: Actor, address: str) -> ObjectRef:
    """Return a model as something to grant; raises `ModelNotFound`."""
    org, _, name = address.partition("/")
    row = await model_row_for(tx, who, org, name, need=Power.MODELS_READ)
    return ObjectRef(row.id, row.org_id, f"{org}/{row.name}")


async def cards_of(tx: AsyncSession, model_ids: Collection[UUID]) -> dict[UUID, ObjectCard]:
    """Return what a list says of models, as far as they are seen: two queries."""
    query = select(ModelRow.id, ModelRow.org_id, ModelRow.name, ModelRow.description)
    rows = (await tx.execute(query.where(ModelRow.id.in_(list(model_ids)), ModelRow.archived_at.is_(None)))).all()
    names = await organisation_names(tx, {row.org_id for row in rows})
    return {row.id: ObjectCard(f"{names.get(row.org_id, '?')}/{row.name}", row.description[:200]) for row in rows}


GRANTABLE = GrantableKind(KIND, find=object_at, cards=cards_of)


async def list_models(
    tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None, named: str | None = None
) -> list[Model]:
    """Return the models the caller may read, newest first: three queries, four where some are of other organisations."""
    require_to_see(who, Power.MODELS_READ)
    # what is the organisation's, granted and shown, each found by an index of its own
    parts = (
        ModelRow.org_id == who.org_id,
        ModelRow.id == granted_ids(KIND),
        ModelRow.visibility != literal_column("'private'"),
    )
    page = true() if before is None else ModelRow.id < before
    if named is not None:
        page = and_(page, func.strpos(func.lower(ModelRow.name), func.lower(named)) > 0)
    newest = (
        select(ModelRow.id)
        .where(part, ModelRow.archived_at.is_(None), page)
        .order_by(ModelRow.id.desc())
        .limit(limit)
        .subquery()
        for part in parts
    )
    seen = union(*(select(part.c.id) for part in newest)).subquery()
    query = select(ModelRow).join(seen, seen.c.id == ModelRow.id).order_by(ModelRow.id.desc()).limit(limit)
    return await _as_models(tx, who, (await tx.scalars(query)).all())


@asynccontextmanager
async def writing_to(tx: AsyncSession, who: Actor, org: str, name: str) -> AsyncIterator[Actor]:
    """Yield the caller as they may write to the model at `org/name`: themselves in their own organisation, else a guest.

    Until the block ends, `tx` works for the model's organisation. Raises `ModelNotFound` for whoever was not granted to
    change it.
    """
    if org == who.org_name and Power.MODELS_WRITE in who.powers:
        yield who
        return
    row = await model_row_for(tx, who, org, name, need=Power.MODELS_READ)
    need = Power.MODELS_WRITE
    guest = await guest_for(tx, who, kind=KIND, object_id=row.id, org_id=row.org_id, org_name=org, need=need)
    if guest is None:
        require(who, need)
        raise ModelNotFound(f"There is no model {org}/{name} that you may change.")
    # what was read as somebody else is read anew
    tx.expunge(row)
    async with acting_as(tx, guest):
        yield guest


async def version_row_for(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int
) -> tuple[ModelRow, ModelVersionRow]:
    """Return a model and one of its versions; raises `ModelNotFound`, `ModelVersionNotFound`."""
    model = await model_row_for(tx, who, org, name, need=Power.MODELS_READ)
    query = select(ModelVersionRow).where(ModelVersionRow.model_id == model.id, ModelVersionRow.number == number)
    row = await tx.scalar(query)
    if row is None:
        raise ModelVersionNotFound(f"The model {org}/{name} has no version {number}.")
    return model, row


async def version_for(tx: AsyncSession, who: Actor, org: str, name: str, number: int) -> ModelVersion:
    """Return a version as its readers see it."""
    model, row = await version_row_for(tx, who, org, name, number)
    return as_version(row, f"{org}/{model.name}")


async def list_versions(
    tx: AsyncSession, who: Actor, org: str, name: str, *, limit: int, before: UUID | None = None
) -> list[ModelVersion]:
    """Return a model's versions, newest first."""
    model = await model_row_for(tx, who, org, name, need=Power.MODELS_READ)
    query = (
        select(ModelVersionRow)
        .where(ModelVersionRow.model_id == model.id)
        .order_by(ModelVersionRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(ModelVersionRow.id < before)
    return [as_version(row, f"{org}/{model.name}") for row in await tx.scalars(query)]


def as_version(row: ModelVersionRow, address: str) -> ModelVersion:
    """Return a version row as its readers see it."""
    return ModelVersion(
        id=row.id,
        model=address,
        number=row.number,
        format=row.format,
        artifact_bytes=row.artifact_bytes,
        artifact_sha256=row.artifact_sha256,
        signature=row.signature,
        parity=ParityOut.model_validate(row.parity),
        origin=row.origin,
        endpoint=f"/api/v1/models/{address}@{row.number}/predict",
        created_at=row.created_at,
    )


async def _as_models(tx: AsyncSession, who: Actor, rows: Iterable[ModelRow]) -> list[Model]:
    found = list(rows)
    ids = [row.id for row in found]
    names = await organisation_names(tx, {row.org_id for row in found}, who=who)
    numbers = await tx.execute(select(ModelRow.id, _LATEST_NUMBER.label("number")).where(ModelRow.id.in_(ids)))
    latest = {row.id: row.number for row in numbers}
    aliases: dict[UUID, dict[str, int]] = {}
    for row in await tx.execute(
        select(ModelAliasRow.model_id, ModelAliasRow.alias, ModelVersionRow.number)
        .join(ModelVersionRow, ModelVersionRow.id == ModelAliasRow.version_id)
        .where(ModelAliasRow.model_id.in_(ids))
        .order_by(ModelAliasRow.alias)
    ):
        aliases.setdefault(row.model_id, {})[row.alias] = row.number
    return [
        Model(
            id=row.id,
            address=f"{names.get(row.org_id, '?')}/{row.name}",
            organisation=names.get(row.org_id, "?"),
            name=row.name,
            description=row.description,
            visibility=row.visibility,
            sensitive=row.sensitive,
            latest_version=latest.get(row.id),
            aliases=aliases.get(row.id, {}),
            created_at=row.created_at,
        )
        for row in found
    ]


def _require(who: Actor, need: Power) -> UUID | None:
    if need is Power.MODELS_WRITE:
        return require(who, need)
    require_to_see(who, need)
    return who.org_id


def _verb(need: Power) -> str:
    return "change" if need is Power.MODELS_WRITE else "read"
