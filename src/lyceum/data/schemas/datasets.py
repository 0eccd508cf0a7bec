"""Schemas of datasets: each accepted version's columns, which changes of them are allowed, and what has changed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import DatasetRef, dataset_ref_for, version_table_by_id, writing_to
from lyceum.data.schemas import queries
from lyceum.data.schemas.comparing import changes_since, parsed
from lyceum.data.schemas.engine.public import (
    Change,
    Direction,
    Mode,
    SchemaType,
    TableColumn,
    Written,
    avro_of_columns,
    level_of,
    nullable_columns,
)
from lyceum.data.schemas.errors import SchemaIncompatible, SchemaVersionNotFound
from lyceum.data.schemas.models import SchemaSubjectRow
from lyceum.data.schemas.queries import SubjectVersion
from lyceum.data.schemas.schemas import (
    DatasetSchema,
    SchemaBreak,
    SchemaChange,
    SchemaDiff,
    SchemaTry,
    SchemaVerdict,
)
from lyceum.data.schemas.service import OF_DATASETS, Verdict, add_version, compared_by, hold_registry, verdict_of


async def register_version(tx: AsyncSession, version_id: UUID) -> None:
    """Register the columns of a dataset's version that has just been accepted, if they are others than before.

    Works as the dataset's organisation. Run again it changes nothing. Raises `SchemaIncompatible` where the dataset's mode
    does not allow the change.
    """
    table = await version_table_by_id(tx, version_id)
    registry = await hold_registry(tx, table.org_id)
    subject = await _subject_of(tx, DatasetRef(table.dataset_id, table.org_id, table.address))
    versions = await queries.versions_of_dataset(tx, table.org_id, table.dataset_id)
    if any(one.dataset_version is not None and one.dataset_version >= table.number for one in versions):
        return
    before = nullable_columns(versions[-1].text) if versions else frozenset[str]()
    columns = [TableColumn(one.name, one.type, one.nullable) for one in table.table_schema.columns]
    new = await parsed(Written(SchemaType.AVRO, avro_of_columns(columns, nullable_before=before)))
    if versions and versions[-1].digest == new.digest:
        return
    mode = await queries.compatibility_of(tx, table.org_id, subject)
    verdict = await verdict_of(tx, table.org_id, compared_by(versions, mode), new, mode)
    if verdict.breaks and verdict.version is not None:
        raise SchemaIncompatible(table.address, mode, verdict.breaks, version=verdict.version)
    await add_version(tx, registry, subject, versions, new, dataset_version=table.number)


async def list_schemas(
    tx: AsyncSession, who: Actor, org: str, name: str, *, limit: int, before: UUID | None = None
) -> list[DatasetSchema]:
    """Return what a dataset's columns are and were, newest first; raises `DatasetNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    found = await queries.versions_of_dataset(tx, dataset.org_id, dataset.id, limit=limit, before=before)
    return [_as_schema(one) for one in reversed(found)]


async def diff_for(
    tx: AsyncSession, who: Actor, org: str, name: str, *, since: int | None, until: int | None
) -> SchemaDiff:
    """Return what has changed between two schemas of a dataset: by default the newest, and the one before the other.

    Raises `DatasetNotFound`, `SchemaVersionNotFound`.
    """
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    versions = await queries.versions_of_dataset(tx, dataset.org_id, dataset.id)
    after = _numbered(versions, until, dataset)
    previous = [one for one in versions if one.number < after.number] or [after]
    before = _numbered(versions, since, dataset) if since is not None else previous[-1]
    new = await parsed(await queries.written(tx, dataset.org_id, after))
    [changes] = await changes_since([await queries.written(tx, dataset.org_id, before)], new)
    return SchemaDiff(
        before=_as_schema(before),
        after=_as_schema(after),
        level=level_of(changes),
        changes=[_as_change(one) for one in changes],
    )


async def compatibility_for(tx: AsyncSession, who: Actor, org: str, name: str) -> Mode:
    """Return which changes of its columns a dataset allows; raises `DatasetNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    subject = await find_subject_of(tx, dataset)
    return Mode(subject.compatibility) if subject is not None and subject.compatibility else Mode.NONE


async def allow_changes(tx: AsyncSession, who: Actor, org: str, name: str, mode: Mode) -> Mode:
    """Say which changes of its columns a dataset allows from now on; raises `DatasetNotFound`."""
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        await hold_registry(tx, dataset.org_id)
        subject = await _subject_of(tx, dataset)
        note_audit(before={"compatibility": subject.compatibility}, after={"compatibility": mode})
        subject.compatibility = mode
        await tx.flush()
    return mode


async def try_out(tx: AsyncSession, who: Actor, org: str, name: str, wanted: SchemaTry) -> SchemaVerdict:
    """Return what a schema would change of a dataset's, and what of it is not allowed.

    Raises `DatasetNotFound`, `InvalidSchema`.
    """
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    versions = await queries.versions_of_dataset(tx, dataset.org_id, dataset.id)
    text = wanted.avro
    if text is None:
        text = avro_of_columns([TableColumn(one.name, one.type, one.nullable) for one in wanted.columns or ()])
    new = await parsed(Written(SchemaType.AVRO, text))
    mode = wanted.mode or await queries.compatibility_of(tx, dataset.org_id, await find_subject_of(tx, dataset))
    verdict = await verdict_of(tx, dataset.org_id, compared_by(versions, mode), new, mode)
    newest = [await queries.written(tx, dataset.org_id, one) for one in versions[-1:]]
    changes = [change for found in await changes_since(newest, new) for change in found]
    return _as_verdict(verdict, changes, has_schema=bool(versions))


async def find_subject_of(tx: AsyncSession, dataset: DatasetRef) -> SchemaSubjectRow | None:
    """Return the subject of a dataset; None before its first schema, and before anything was said of it."""
    found: SchemaSubjectRow | None = await tx.scalar(
        select(SchemaSubjectRow).where(
            SchemaSubjectRow.org_id == dataset.org_id, SchemaSubjectRow.dataset_id == dataset.id
        )
    )
    return found


async def _subject_of(tx: AsyncSession, dataset: DatasetRef) -> SchemaSubjectRow:
    """Return a dataset's subject, made where it has none; the registry is held. A dataset archived before gives up its name."""
    found = await find_subject_of(tx, dataset)
    if found is not None:
        return found
    name = OF_DATASETS + dataset.address.partition("/")[2]
    others = (SchemaSubjectRow.org_id == dataset.org_id, SchemaSubjectRow.name == name)
    await tx.execute(
        update(SchemaSubjectRow).where(*others).values(name=SchemaSubjectRow.name + f".archived.{dataset.id.hex}")
    )
    row = SchemaSubjectRow(org_id=dataset.org_id, name=name, dataset_id=dataset.id)
    tx.add(row)
    await tx.flush()
    return row


def _numbered(versions: Sequence[SubjectVersion], number: int | None, dataset: DatasetRef) -> SubjectVersion:
    found = next((one for one in reversed(versions) if number in {None, one.number}), None)
    if found is None:
        wanted = "no schema yet" if number is None else f"no schema {number}"
        raise SchemaVersionNotFound(f"The dataset {dataset.address} has {wanted}.")
    return found


def _as_schema(version: SubjectVersion) -> DatasetSchema:
    return DatasetSchema(
        id=version.id,
        number=version.number,
        version=str(version.semantic),
        schema_id=version.schema_number,
        dataset_version=version.dataset_version,
        avro=version.text,
        created_at=version.created_at,
    )


def _as_change(change: Change) -> SchemaChange:
    return SchemaChange(
        kind=change.kind,
        at=change.at,
        before=change.before,
        after=change.after,
        says=change.says,
        breaks=[direction for direction in Direction if change.breaks(direction)],
    )


def _as_verdict(verdict: Verdict, changes: list[Change], *, has_schema: bool) -> SchemaVerdict:
    return SchemaVerdict(
        mode=verdict.mode,
        is_compatible=not verdict.breaks,
        breaks_version=verdict.version,
        breaks=[
            SchemaBreak(direction=one.direction, kind=one.kind, at=one.at, says=one.says, fix=one.fix)
            for one in verdict.breaks
        ],
        level=level_of(changes) if has_schema else None,
        changes=[_as_change(one) for one in changes],
    )
