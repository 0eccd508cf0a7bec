"""Writes of the schema registry: register, delete, and say what a subject allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power, require
from lyceum.data.schemas import queries
from lyceum.data.schemas.comparing import changes_since, parsed
from lyceum.data.schemas.engine.public import (
    FIRST,
    Break,
    InvalidSchema,
    Mode,
    ParsedSchema,
    Referred,
    SchemaType,
    SemanticVersion,
    Written,
    breaks_of,
    level_of,
)
from lyceum.data.schemas.errors import (
    SchemaIncompatible,
    SchemaNotFound,
    SchemaReferred,
    SchemaVersionDeleted,
    SchemaVersionNotDeleted,
    SubjectDeleted,
    SubjectNotDeleted,
    SubjectReadOnly,
)
from lyceum.data.schemas.models import (
    RegisteredSchemaRow,
    SchemaReferenceRow,
    SchemaRegistryRow,
    SchemaSubjectRow,
    SchemaVersionRow,
)
from lyceum.data.schemas.queries import Reference, SubjectVersion

SUBJECT_CHARACTERS_MAX = 255
OF_DATASETS = "datasets/"
"""What subjects of datasets begin with; no topic of Kafka can be called so."""


@dataclass(frozen=True, slots=True)
class NewSchema:
    """A schema to register, look for, or try."""

    type: SchemaType
    text: str
    references: tuple[Reference, ...] = ()
    normalize: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a schema breaks of a mode, and with which version of the subject."""

    mode: Mode
    breaks: list[Break]
    version: int | None


async def register(tx: AsyncSession, who: Actor, subject: str, wanted: NewSchema) -> SubjectVersion:
    """Make a schema the next version of a subject, which is made with its first one; one it has already stays as it is.

    Raises `InvalidSchema`, `SubjectReadOnly`, `SchemaIncompatible`, and what resolving its references raises.
    """
    org_id = require(who, Power.DATASETS_WRITE)
    _refuse_name(subject)
    new, referred = await _read(tx, org_id, wanted)
    registry = await hold_registry(tx, org_id)
    row = await queries.find_subject(tx, org_id, subject)
    if subject.startswith(OF_DATASETS):
        raise SubjectReadOnly(f"Subject {subject} follows its dataset: add a version to that.")
    versions = await queries.list_versions(tx, org_id, subject, with_deleted=True)
    there = _with_digest(versions, new.digest)
    if there is not None:
        return there
    if await queries.write_mode_of(tx, org_id, row) == "READONLY":
        raise SubjectReadOnly(f"Subject {subject} is in READONLY mode.")
    mode = await queries.compatibility_of(tx, org_id, row)
    verdict = await verdict_of(tx, org_id, compared_by(versions, mode), new, mode)
    if verdict.breaks and verdict.version is not None:
        raise SchemaIncompatible(subject, mode, verdict.breaks, version=verdict.version)
    if row is None:
        row = SchemaSubjectRow(org_id=org_id, name=subject)
        tx.add(row)
        await tx.flush()
    return await add_version(tx, registry, row, versions, new, referred, wanted.references)


async def find_registered(
    tx: AsyncSession, who: Actor, subject: str, wanted: NewSchema, *, with_deleted: bool = False
) -> SubjectVersion:
    """Return the version of a subject that has a schema; raises `SubjectNotFound`, `SchemaNotFound`, `InvalidSchema`."""
    org_id = require(who, Power.DATASETS_READ)
    versions = await queries.versions_for(tx, org_id, subject, with_deleted=with_deleted)
    new, _ = await _read(tx, org_id, wanted)
    found = [one for one in versions if one.digest == new.digest]
    if not found:
        raise SchemaNotFound(f"Schema not found under subject '{subject[:200]}'.")
    return found[-1]


async def try_out(
    tx: AsyncSession, who: Actor, subject: str, wanted: NewSchema, *, against: int | None, alone: bool
) -> Verdict:
    """Return what registering a schema would break: with one version (the newest for None) `alone`, or as the mode says.

    Raises `SubjectNotFound`, `SchemaVersionNotFound`, `InvalidSchema`.
    """
    org_id = require(who, Power.DATASETS_READ)
    new, _ = await _read(tx, org_id, wanted)
    row = await queries.find_subject(tx, org_id, subject)
    mode = await queries.compatibility_of(tx, org_id, row)
    if alone:
        olds = [await queries.version_for(tx, org_id, subject, against)]
    else:
        olds = compared_by(await queries.list_versions(tx, org_id, subject), mode)
    return await verdict_of(tx, org_id, olds, new, mode)


def compared_by(versions: Sequence[SubjectVersion], mode: Mode) -> list[SubjectVersion]:
    """Return the versions that a mode compares with, newest first."""
    live = [one for one in reversed(versions) if not one.is_deleted]
    return live if mode.is_transitive else live[:1]


async def verdict_of(
    tx: AsyncSession, org_id: UUID, olds: Sequence[SubjectVersion], new: ParsedSchema, mode: Mode
) -> Verdict:
    """Return what a schema breaks with the newest of the older versions that it breaks anything with."""
    if not mode.directions:
        return Verdict(mode, [], None)
    texts = [await queries.written(tx, org_id, old) for old in olds]
    for old, changes in zip(olds, await changes_since(texts, new), strict=True):
        breaks = breaks_of(changes, mode)
        if breaks:
            return Verdict(mode, breaks, old.number)
    return Verdict(mode, [], None)


async def add_version(
    tx: AsyncSession,
    registry: SchemaRegistryRow,
    subject: SchemaSubjectRow,
    versions: Sequence[SubjectVersion],
    new: ParsedSchema,
    referred: Sequence[Referred] = (),
    references: Sequence[Reference] = (),
    *,
    dataset_version: int | None = None,
) -> SubjectVersion:
    """Add a schema that was found good to a subject, whose registry is held."""
    org_id = subject.org_id
    semantic = await _semantic(tx, org_id, versions, new)
    schema = await tx.scalar(
        select(RegisteredSchemaRow).where(
            RegisteredSchemaRow.org_id == org_id, RegisteredSchemaRow.digest == new.digest
        )
    )
    if schema is None:
        registry.last_schema_number += 1
        number = registry.last_schema_number
        schema = RegisteredSchemaRow(org_id=org_id, number=number, type=new.type, text=new.text, digest=new.digest)
        tx.add(schema)
        await tx.flush()
        await _keep_references(tx, schema, referred, references)
    subject.last_number += 1
    row = SchemaVersionRow(
        org_id=org_id,
        subject_id=subject.id,
        schema_id=schema.id,
        dataset_id=subject.dataset_id,
        dataset_version=dataset_version,
        number=subject.last_number,
        major=semantic.major,
        minor=semantic.minor,
        patch=semantic.patch,
    )
    tx.add(row)
    await tx.flush()
    return await queries.version_for(tx, org_id, subject.name, row.number)


async def hold_registry(tx: AsyncSession, org_id: UUID) -> SchemaRegistryRow:
    """Return the organisation's registry, which nobody else changes until `tx` ends."""
    await tx.execute(insert(SchemaRegistryRow).values(org_id=org_id).on_conflict_do_nothing())
    query = select(SchemaRegistryRow).where(SchemaRegistryRow.org_id == org_id)
    held: SchemaRegistryRow = (await tx.scalars(query.with_for_update(key_share=True))).one()
    await tx.refresh(held)
    return held


async def delete_subject(tx: AsyncSession, who: Actor, subject: str, *, permanent: bool) -> list[int]:
    """Delete a subject's versions, for good where they were deleted before; return their numbers.

    Raises `SubjectNotFound`, `SubjectDeleted`, `SubjectNotDeleted`, `SchemaReferred`, `SubjectReadOnly`.
    """
    row, versions = await _to_delete(tx, who, subject)
    live = [one for one in versions if not one.is_deleted]
    if not permanent:
        if not live:
            raise SubjectDeleted(
                f"Subject '{subject[:200]}' was soft deleted. Set permanent=true to delete permanently."
            )
        await _refuse_referred(tx, row.org_id, live)
        await _mark_deleted(tx, live)
        return [one.number for one in live]
    if live:
        raise SubjectNotDeleted(f"Subject '{subject[:200]}' was not deleted first before being permanently deleted.")
    await _forget(tx, row.org_id, versions)
    await tx.delete(row)
    await tx.flush()
    return [one.number for one in versions]


async def delete_version(tx: AsyncSession, who: Actor, subject: str, number: int | None, *, permanent: bool) -> int:
    """Delete a version, for good where it was deleted before; return its number.

    Raises what `delete_subject` raises, of the version.
    """
    row, versions = await _to_delete(tx, who, subject)
    if number is None and not permanent:
        versions = [one for one in versions if not one.is_deleted]
    found = next((one for one in reversed(versions) if number in {None, one.number}), None)
    if found is None:
        found = await queries.version_for(tx, row.org_id, subject, number, with_deleted=True)
    said = f"Subject '{subject[:200]}' Version {found.number} was"
    if not permanent:
        if found.is_deleted:
            raise SchemaVersionDeleted(f"{said} soft deleted. Set permanent=true to delete permanently.")
        await _refuse_referred(tx, row.org_id, [found])
        await _mark_deleted(tx, [found])
        return found.number
    if not found.is_deleted:
        raise SchemaVersionNotDeleted(f"{said} not deleted first before being permanently deleted.")
    await _forget(tx, row.org_id, [found])
    return found.number


async def set_compatibility(tx: AsyncSession, who: Actor, subject: str | None, mode: Mode | None) -> Mode:
    """Say which changes a subject allows, or all that say nothing (None); return what held before. None takes it back."""
    org_id = require(who, Power.DATASETS_WRITE)
    registry = await hold_registry(tx, org_id)
    row = registry if subject is None else await _subject_to_set(tx, org_id, subject)
    before = Mode(row.compatibility or queries.DEFAULT_COMPATIBILITY)
    note_audit(before={"compatibility": row.compatibility}, after={"compatibility": mode})
    row.compatibility = mode
    await tx.flush()
    return before


async def set_write_mode(tx: AsyncSession, who: Actor, subject: str | None, mode: str | None) -> str:
    """Say whether a subject takes schemas, or all that say nothing (None); return what held before. None takes it back."""
    org_id = require(who, Power.DATASETS_WRITE)
    registry = await hold_registry(tx, org_id)
    row = registry if subject is None else await _subject_to_set(tx, org_id, subject)
    before = row.write_mode or queries.DEFAULT_WRITE_MODE
    note_audit(before={"write_mode": row.write_mode}, after={"write_mode": mode})
    row.write_mode = mode
    await tx.flush()
    return before


async def _read(tx: AsyncSession, org_id: UUID, wanted: NewSchema) -> tuple[ParsedSchema, tuple[Referred, ...]]:
    if len(wanted.references) > queries.REFERENCES_MAX:
        raise InvalidSchema(f"A schema builds on at most {queries.REFERENCES_MAX} others.")
    referred = await queries.resolve(tx, org_id, wanted.references)
    return await parsed(Written(wanted.type, wanted.text, referred), normalize=wanted.normalize), referred


def _refuse_name(subject: str) -> None:
    if not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or not subject.isprintable():
        raise InvalidSchema(f"A subject's name has 1 to {SUBJECT_CHARACTERS_MAX} characters that can be printed.")


def _with_digest(versions: Sequence[SubjectVersion], digest: bytes) -> SubjectVersion | None:
    return next((one for one in reversed(versions) if one.digest == digest and not one.is_deleted), None)


async def _semantic(
    tx: AsyncSession, org_id: UUID, versions: Sequence[SubjectVersion], new: ParsedSchema
) -> SemanticVersion:
    if not versions:
        return FIRST
    newest = versions[-1]
    [changes] = await changes_since([await queries.written(tx, org_id, newest)], new)
    return newest.semantic.raised(level_of(changes))


async def _keep_references(
    tx: AsyncSession, schema: RegisteredSchemaRow, referred: Sequence[Referred], references: Sequence[Reference]
) -> None:
    by_name = {one.name: one for one in referred}
    for position, reference in enumerate(references):
        version = await queries.version_for(
            tx, schema.org_id, reference.subject, by_name[reference.name].version, with_deleted=True
        )
        row = SchemaReferenceRow(
            org_id=schema.org_id, schema_id=schema.id, position=position, name=reference.name, version_id=version.id
        )
        tx.add(row)
    await tx.flush()


async def _subject_to_set(tx: AsyncSession, org_id: UUID, subject: str) -> SchemaSubjectRow:
    """Return a subject to say something of; clients also do so before its first version."""
    _refuse_name(subject)
    row = await queries.find_subject(tx, org_id, subject)
    if row is None and subject.startswith(OF_DATASETS):
        raise queries.subject_not_found(subject)
    if row is None:
        row = SchemaSubjectRow(org_id=org_id, name=subject)
        tx.add(row)
        await tx.flush()
    return row


async def _to_delete(tx: AsyncSession, who: Actor, subject: str) -> tuple[SchemaSubjectRow, list[SubjectVersion]]:
    org_id = require(who, Power.DATASETS_WRITE)
    await hold_registry(tx, org_id)
    row = await queries.find_subject(tx, org_id, subject)
    versions = await queries.versions_for(tx, org_id, subject, with_deleted=True)
    if row is None:
        raise queries.subject_not_found(subject)
    if row.dataset_id is not None:
        raise SubjectReadOnly(f"Subject {subject} follows its dataset and goes with it.")
    if await queries.write_mode_of(tx, org_id, row) == "READONLY":
        raise SubjectReadOnly(f"Subject {subject} is in READONLY mode.")
    return row, versions


async def _refuse_referred(tx: AsyncSession, org_id: UUID, versions: Sequence[SubjectVersion]) -> None:
    referring = await queries.list_referring(tx, org_id, [one.id for one in versions])
    if referring:
        numbers = ", ".join(str(number) for number in referring[:10])
        raise SchemaReferred(f"One or more references exist to the schema: the schemas {numbers} build on it.")


async def _mark_deleted(tx: AsyncSession, versions: Sequence[SubjectVersion]) -> None:
    statement = update(SchemaVersionRow).where(SchemaVersionRow.id.in_([one.id for one in versions]))
    await tx.execute(statement.values(deleted_at=datetime.now(UTC)))


async def _forget(tx: AsyncSession, org_id: UUID, versions: Sequence[SubjectVersion]) -> None:
    """Remove versions for good, and the schemas that no version has any more."""
    ids = [one.id for one in versions]
    kept_for = await tx.scalar(
        select(SchemaReferenceRow.id)
        .where(SchemaReferenceRow.org_id == org_id, SchemaReferenceRow.version_id.in_(ids))
        .limit(1)
    )
    if kept_for is not None:
        raise SchemaReferred("One or more references exist to the schema; delete what builds on it for good first.")
    await tx.execute(delete(SchemaVersionRow).where(SchemaVersionRow.id.in_(ids)))
    unused = RegisteredSchemaRow.id.in_([one.schema_id for one in versions]) & ~(
        select(SchemaVersionRow.id).where(SchemaVersionRow.schema_id == RegisteredSchemaRow.id).exists()
    )
    await tx.execute(delete(RegisteredSchemaRow).where(RegisteredSchemaRow.org_id == org_id, unused))
