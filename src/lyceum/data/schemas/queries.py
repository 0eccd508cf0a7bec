"""Reads of the schema registry of the organisation acted in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.schemas.engine.public import Mode, Referred, SchemaType, SemanticVersion, Written
from lyceum.data.schemas.errors import SchemaNotFound, SchemaVersionNotFound, SubjectNotFound
from lyceum.data.schemas.models import (
    RegisteredSchemaRow,
    SchemaReferenceRow,
    SchemaRegistryRow,
    SchemaSubjectRow,
    SchemaVersionRow,
)

SUBJECTS_MAX = 10_000
"""Most names in one answer; clients that want the rest ask with an offset."""
REFERENCES_MAX = 100
DEFAULT_COMPATIBILITY = Mode.BACKWARD
DEFAULT_WRITE_MODE = "READWRITE"


@dataclass(frozen=True, slots=True)
class Reference:
    """A version that a schema builds on, by the name it calls it."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class SubjectVersion:
    """A version of a subject, with its schema: `schema_number` is what clients call the schema's id."""

    id: UUID
    subject_id: UUID
    subject: str
    number: int
    semantic: SemanticVersion
    schema_id: UUID
    schema_number: int
    type: SchemaType
    text: str
    digest: bytes
    dataset_version: int | None
    created_at: datetime
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema of the registry, whatever subjects have it."""

    id: UUID
    number: int
    type: SchemaType
    text: str


def _versions(org_id: UUID) -> Select[SchemaVersionRow, str, RegisteredSchemaRow]:
    return (
        select(SchemaVersionRow, SchemaSubjectRow.name, RegisteredSchemaRow)
        .join(SchemaSubjectRow, SchemaSubjectRow.id == SchemaVersionRow.subject_id)
        .join(RegisteredSchemaRow, RegisteredSchemaRow.id == SchemaVersionRow.schema_id)
        .where(SchemaVersionRow.org_id == org_id)
    )


def _as_version(row: Any) -> SubjectVersion:
    version, subject, schema = row
    return SubjectVersion(
        id=version.id,
        subject_id=version.subject_id,
        subject=subject,
        number=version.number,
        semantic=SemanticVersion(version.major, version.minor, version.patch),
        schema_id=schema.id,
        schema_number=schema.number,
        type=SchemaType(schema.type),
        text=schema.text,
        digest=schema.digest,
        dataset_version=version.dataset_version,
        created_at=version.created_at,
        is_deleted=version.deleted_at is not None,
    )


async def find_subject(tx: AsyncSession, org_id: UUID, name: str) -> SchemaSubjectRow | None:
    """Return a subject by its name, also one whose versions are all deleted."""
    found: SchemaSubjectRow | None = await tx.scalar(
        select(SchemaSubjectRow).where(SchemaSubjectRow.org_id == org_id, SchemaSubjectRow.name == name)
    )
    return found


async def list_subjects(
    tx: AsyncSession,
    org_id: UUID,
    *,
    prefix: str = "",
    limit: int = SUBJECTS_MAX,
    offset: int = 0,
    with_deleted: bool = False,
    deleted_alone: bool = False,
) -> list[str]:
    """Return the names of the subjects that have versions, in order."""
    live = func.count(SchemaVersionRow.id).filter(SchemaVersionRow.deleted_at.is_(None))
    query = (
        select(SchemaSubjectRow.name)
        .join(SchemaVersionRow, SchemaVersionRow.subject_id == SchemaSubjectRow.id)
        .where(SchemaSubjectRow.org_id == org_id)
        .group_by(SchemaSubjectRow.name)
        .order_by(SchemaSubjectRow.name)
        .offset(offset)
        .limit(min(limit, SUBJECTS_MAX))
    )
    if prefix:
        query = query.where(func.starts_with(SchemaSubjectRow.name, prefix))
    if deleted_alone:
        query = query.having(live == 0)
    elif not with_deleted:
        query = query.having(live > 0)
    return list(await tx.scalars(query))


async def list_versions(
    tx: AsyncSession, org_id: UUID, subject: str, *, with_deleted: bool = False, limit: int = SUBJECTS_MAX
) -> list[SubjectVersion]:
    """Return a subject's versions, oldest first; none where there is no such subject."""
    query = _versions(org_id).where(SchemaSubjectRow.name == subject).order_by(SchemaVersionRow.number).limit(limit)
    if not with_deleted:
        query = query.where(SchemaVersionRow.deleted_at.is_(None))
    return [_as_version(row) for row in await tx.execute(query)]


async def versions_of_dataset(
    tx: AsyncSession, org_id: UUID, dataset_id: UUID, *, limit: int = SUBJECTS_MAX, before: UUID | None = None
) -> list[SubjectVersion]:
    """Return the newest `limit` schemas of a dataset, the oldest of them first."""
    query = _versions(org_id).where(SchemaVersionRow.dataset_id == dataset_id)
    query = query.order_by(SchemaVersionRow.number.desc()).limit(limit)
    if before is not None:
        query = query.where(SchemaVersionRow.id < before)
    return [_as_version(row) for row in await tx.execute(query)][::-1]


async def versions_for(
    tx: AsyncSession, org_id: UUID, subject: str, *, with_deleted: bool = False
) -> list[SubjectVersion]:
    """Return a subject's versions, oldest first; raises `SubjectNotFound`."""
    found = await list_versions(tx, org_id, subject, with_deleted=with_deleted)
    if not found:
        raise subject_not_found(subject)
    return found


async def version_for(
    tx: AsyncSession, org_id: UUID, subject: str, number: int | None, *, with_deleted: bool = False
) -> SubjectVersion:
    """Return a version of a subject, the newest for None; raises `SubjectNotFound`, `SchemaVersionNotFound`."""
    query = _versions(org_id).where(SchemaSubjectRow.name == subject)
    if not with_deleted:
        query = query.where(SchemaVersionRow.deleted_at.is_(None))
    if number is not None:
        query = query.where(SchemaVersionRow.number == number)
    row = (await tx.execute(query.order_by(SchemaVersionRow.number.desc()).limit(1))).one_or_none()
    if row is None:
        await versions_for(tx, org_id, subject, with_deleted=with_deleted)
        raise SchemaVersionNotFound(f"Version {number} not found: {subject[:200]} has no such version.")
    return _as_version(row)


async def list_versions_of_schema(
    tx: AsyncSession, org_id: UUID, number: int, *, with_deleted: bool = False, subject: str | None = None
) -> list[SubjectVersion]:
    """Return the versions that have a schema, whatever their subjects; raises `SchemaNotFound`."""
    query = _versions(org_id).where(RegisteredSchemaRow.number == number)
    query = query.order_by(SchemaSubjectRow.name, SchemaVersionRow.number).limit(SUBJECTS_MAX)
    if not with_deleted:
        query = query.where(SchemaVersionRow.deleted_at.is_(None))
    if subject is not None:
        query = query.where(SchemaSubjectRow.name == subject)
    found = [_as_version(row) for row in await tx.execute(query)]
    if not found:
        await schema_for(tx, org_id, number)
    return found


async def schema_for(tx: AsyncSession, org_id: UUID, number: int) -> Registered:
    """Return a schema by its number, also where every version of it is deleted; raises `SchemaNotFound`."""
    row = await tx.scalar(
        select(RegisteredSchemaRow).where(RegisteredSchemaRow.org_id == org_id, RegisteredSchemaRow.number == number)
    )
    if row is None:
        raise SchemaNotFound(f"Schema {number} not found.")
    return Registered(row.id, row.number, SchemaType(row.type), row.text)


async def schema_by_id(tx: AsyncSession, org_id: UUID, schema_id: UUID) -> Registered:
    """Return a schema by what it is called on every hub; raises `SchemaNotFound`."""
    row = await tx.scalar(
        select(RegisteredSchemaRow).where(RegisteredSchemaRow.org_id == org_id, RegisteredSchemaRow.id == schema_id)
    )
    if row is None:
        raise SchemaNotFound(f"Schema {schema_id} not found.")
    return Registered(row.id, row.number, SchemaType(row.type), row.text)


async def references_of(tx: AsyncSession, org_id: UUID, schema_id: UUID) -> list[Reference]:
    """Return which versions a schema builds on, in the order it was sent with."""
    query = (
        select(SchemaReferenceRow.name, SchemaSubjectRow.name.label("subject"), SchemaVersionRow.number)
        .join(SchemaVersionRow, SchemaVersionRow.id == SchemaReferenceRow.version_id)
        .join(SchemaSubjectRow, SchemaSubjectRow.id == SchemaVersionRow.subject_id)
        .where(SchemaReferenceRow.org_id == org_id, SchemaReferenceRow.schema_id == schema_id)
        .order_by(SchemaReferenceRow.position)
        .limit(REFERENCES_MAX)
    )
    return [Reference(row.name, row.subject, row.number) for row in await tx.execute(query)]


async def list_referring(tx: AsyncSession, org_id: UUID, version_ids: Iterable[UUID]) -> list[int]:
    """Return the numbers of the schemas that build on any of the versions and stand in a version themselves."""
    query = (
        select(RegisteredSchemaRow.number)
        .join(SchemaReferenceRow, SchemaReferenceRow.schema_id == RegisteredSchemaRow.id)
        .where(
            SchemaReferenceRow.org_id == org_id,
            SchemaReferenceRow.version_id.in_(list(version_ids)),
            select(SchemaVersionRow.id)
            .where(SchemaVersionRow.schema_id == RegisteredSchemaRow.id, SchemaVersionRow.deleted_at.is_(None))
            .exists(),
        )
        .distinct()
        .order_by(RegisteredSchemaRow.number)
        .limit(SUBJECTS_MAX)
    )
    return list(await tx.scalars(query))


async def written(tx: AsyncSession, org_id: UUID, schema: SubjectVersion | Registered) -> Written:
    """Return a schema with all that it builds on, to be read."""
    schema_id = schema.schema_id if isinstance(schema, SubjectVersion) else schema.id
    referred = await resolve(tx, org_id, await references_of(tx, org_id, schema_id))
    return Written(schema.type, schema.text, referred)


async def resolve(tx: AsyncSession, org_id: UUID, references: Iterable[Reference]) -> tuple[Referred, ...]:
    """Return the schemas that references name, and those these build on, each after what it builds on itself.

    Raises `SubjectNotFound`, `SchemaVersionNotFound`.
    """
    found: dict[str, Referred] = {}
    asked: set[str] = set()
    for reference in references:
        await _resolve(tx, org_id, reference, found, asked)
    return tuple(found.values())


async def _resolve(
    tx: AsyncSession, org_id: UUID, reference: Reference, found: dict[str, Referred], asked: set[str]
) -> None:
    # counted on the way down: a long line of schemas, each building on the one before, is all way down
    if reference.name in asked or len(asked) >= REFERENCES_MAX:
        return
    asked.add(reference.name)
    number = reference.version if reference.version > 0 else None
    version = await version_for(tx, org_id, reference.subject, number, with_deleted=True)
    for inner in await references_of(tx, org_id, version.schema_id):
        await _resolve(tx, org_id, inner, found, asked)
    found[reference.name] = Referred(reference.name, reference.subject, version.number, version.text)


async def find_registry(tx: AsyncSession, org_id: UUID) -> SchemaRegistryRow | None:
    """Return what the organisation's registry says of itself, None where nothing was ever registered or set."""
    return await tx.get(SchemaRegistryRow, org_id)


async def compatibility_of(tx: AsyncSession, org_id: UUID, subject: SchemaSubjectRow | None) -> Mode:
    """Return which changes a subject allows: as it says itself, else as the registry does."""
    if subject is not None and subject.compatibility is not None:
        return Mode(subject.compatibility)
    if subject is not None and subject.dataset_id is not None:
        return Mode.NONE
    registry = await find_registry(tx, org_id)
    return Mode(registry.compatibility) if registry is not None and registry.compatibility else DEFAULT_COMPATIBILITY


async def write_mode_of(tx: AsyncSession, org_id: UUID, subject: SchemaSubjectRow | None) -> str:
    """Return whether a subject takes schemas: as it says itself, else as the registry does."""
    if subject is not None and subject.write_mode is not None:
        return subject.write_mode
    registry = await find_registry(tx, org_id)
    return (registry.write_mode if registry is not None else None) or DEFAULT_WRITE_MODE


def subject_not_found(subject: str) -> SubjectNotFound:
    """Return the refusal of a subject that has no version."""
    return SubjectNotFound(f"Subject '{subject[:200]}' not found.")
