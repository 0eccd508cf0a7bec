"""Reads of datasets: permission and fetching are one call."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from lyceum.accounts.audit.public import note_audit, note_sensitive_read
from lyceum.accounts.public import (
    ANYONE,
    Actor,
    Power,
    find_organisation_id,
    granted_ids,
    organisation_names,
    require,
    require_to_see,
)
from lyceum.data.datasets.addresses import DatasetAddress, DatasetRef, VersionTable, table_key
from lyceum.data.datasets.errors import DatasetNotFound, VersionNotFound, VersionPending
from lyceum.data.datasets.marks import marks_in
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.profiles import profile_by_id
from lyceum.data.datasets.readiness import require_rows
from lyceum.data.datasets.schemas import Dataset, TableSchemaOut, Version
from lyceum.kernel.prepared import Prepared, Row

_ACCEPTED = (DatasetVersionRow.dataset_id == DatasetRow.id) & (DatasetVersionRow.state == "accepted")
_IS_NUMBERED = DatasetVersionRow.number.is_not(None)


def _of_the_latest(wanted: Select[Any]) -> Select[Any]:
    # beside row-level security only a LIMIT keeps the other versions from being read
    return wanted.where(_ACCEPTED, _IS_NUMBERED).order_by(DatasetVersionRow.number.desc()).limit(1)


_LATEST_NUMBER = _of_the_latest(select(DatasetVersionRow.number)).correlate(DatasetRow).scalar_subquery()
_LATEST = aliased(DatasetVersionRow, _of_the_latest(select(DatasetVersionRow)).lateral())
_WITH_LATEST = select(
    DatasetRow.id,
    DatasetRow.org_id,
    DatasetRow.name,
    DatasetRow.description,
    DatasetRow.column_notes,
    DatasetRow.tags,
    DatasetRow.licence,
    DatasetRow.visibility,
    DatasetRow.sensitive,
    DatasetRow.created_at,
    DatasetRow.revision,
    DatasetRow.dormant_at,
    _LATEST_NUMBER.label("latest_version"),
)
_AT = (
    DatasetRow.org_id == bindparam("org_id"),
    DatasetRow.name_key == bindparam("name_key"),
    DatasetRow.archived_at.is_(None),
)
# Made once: to put such a statement together takes half as long as to run it.
_ONE = select(DatasetRow).where(*_AT)
_SHOWN = Prepared(_WITH_LATEST.where(*_AT))
# FOR NO KEY UPDATE: whoever begins a version of the dataset meanwhile does not wait
_SHOWN_LOCKED = Prepared(_WITH_LATEST.where(*_AT).with_for_update(key_share=True))


def _page(*conditions: ColumnElement[bool]) -> Prepared:
    """Return a page of what is the organisation's, granted and shown, each found by an index of its own."""
    parts = (
        DatasetRow.org_id == bindparam("own_org"),
        DatasetRow.id == granted_ids("dataset"),
        DatasetRow.visibility != literal_column("'private'"),
    )
    newest = (
        select(DatasetRow.id)
        .where(part, DatasetRow.archived_at.is_(None), *conditions)
        .order_by(DatasetRow.id.desc())
        .limit(bindparam("limit"))
        .subquery()
        for part in parts
    )
    seen = union(*(select(part.c.id) for part in newest)).subquery()
    page = _WITH_LATEST.join_from(seen, DatasetRow, DatasetRow.id == seen.c.id)
    return Prepared(page.order_by(DatasetRow.id.desc()).limit(bindparam("limit")))


_NEWEST = _page()
_NEWEST_BEFORE = _page(DatasetRow.id < bindparam("before"))
_AFTER_ALL = UUID(int=2**128 - 1)
_NAMED = _page(
    func.strpos(DatasetRow.name_key, func.lower(bindparam("part"))) > 0,
    DatasetRow.id < bindparam("before"),
)
_OF_ITS_DATASET = (
    DatasetRow.name.label("dataset_name"),
    DatasetRow.column_notes,
    DatasetRow.personal_columns,
    DatasetRow.sensitive,
    DatasetRow.dormant_at,
    DatasetRow.id.label("id_of_dataset"),
    DatasetRow.org_id.label("org_of_dataset"),
)
_OF_A_VERSION = [
    column.key for column in DatasetVersionRow.__table__.columns if column.key not in {"profile", "fetch_sealed"}
]
_LATEST_VERSION = Prepared(
    select(*_OF_ITS_DATASET, *(getattr(_LATEST, name) for name in _OF_A_VERSION))
    .select_from(DatasetRow)
    .outerjoin(_LATEST, true())
    .where(*_AT)
)
_VERSION = Prepared(
    select(*_OF_ITS_DATASET, *(getattr(DatasetVersionRow, name) for name in _OF_A_VERSION))
    .select_from(DatasetRow)
    .outerjoin(DatasetVersionRow, _ACCEPTED & (DatasetVersionRow.number == bindparam("number")))
    .where(*_AT)
)


async def dataset_row_for(tx: AsyncSession, who: Actor, org: str, name: str, *, need: Power) -> DatasetRow:
    """Return the dataset at `org/name` when the caller may do `need` there.

    Raises `DatasetNotFound` also where the caller may not know of it. To write, one acts in its organisation, as a guest
    at least: see `sharing.writing_to`.
    """
    own_org = _require(who, need)
    org_id = await find_organisation_id(tx, org, who=who)
    row = await tx.scalar(_ONE, _at(org_id, name)) if org_id is not None else None
    if row is None or (need is Power.DATASETS_WRITE and row.org_id != own_org):
        raise dataset_not_found(org, name, need)
    _note(row, f"{org}/{row.name}")
    return row


async def dataset_ref_for(tx: AsyncSession, who: Actor, org: str, name: str, *, need: Power) -> DatasetRef:
    """Return the dataset at `org/name` for another module; raises what `dataset_row_for` raises."""
    row = await dataset_row_for(tx, who, org, name, need=need)
    return DatasetRef(row.id, row.org_id, f"{org}/{row.name}")


async def dataset_for(tx: AsyncSession, who: Actor, org: str, name: str) -> Dataset:
    """Return a dataset the caller may read, in one query where it is their own; raises `DatasetNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    org_id = await find_organisation_id(tx, org, who=who)
    found = await _SHOWN.row(tx, **_at(org_id, name)) if org_id is not None else None
    if found is None:
        raise dataset_not_found(org, name, Power.DATASETS_READ)
    _note(found, f"{org}/{found.name}")
    return _as_dataset(found, org)


async def readme_for(tx: AsyncSession, who: Actor, org: str, name: str) -> str:
    """Return what there is to know of a dataset, in Markdown; raises `DatasetNotFound`."""
    row = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    return str(await tx.scalar(select(DatasetRow.readme).where(DatasetRow.id == row.id)))


async def dataset_to_change(tx: AsyncSession, who: Actor, org: str, name: str) -> Dataset:
    """Return a dataset of the organisation acted in, locked until `tx` ends, in one query; raises `DatasetNotFound`."""
    require(who, Power.DATASETS_READ)
    own_org = require(who, Power.DATASETS_WRITE)
    org_id = await find_organisation_id(tx, org, who=who)
    found = await _SHOWN_LOCKED.row(tx, **_at(org_id, name)) if org_id == own_org else None
    if found is None:
        raise dataset_not_found(org, name, Power.DATASETS_WRITE)
    _note(found, f"{org}/{found.name}")
    return _as_dataset(found, org)


async def list_datasets(
    tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None, named: str | None = None
) -> list[Dataset]:
    """Return the datasets the caller may read, newest first: one query, two where some are of other organisations."""
    require_to_see(who, Power.DATASETS_READ)
    if named is not None:
        found = await _NAMED.rows(tx, own_org=who.org_id, limit=limit, part=named, before=before or _AFTER_ALL)
    elif before is None:
        found = await _NEWEST.rows(tx, own_org=who.org_id, limit=limit)
    else:
        found = await _NEWEST_BEFORE.rows(tx, own_org=who.org_id, limit=limit, before=before)
    names = await organisation_names(tx, {row.org_id for row in found}, who=who)
    return [_as_dataset(row, names.get(row.org_id, "?")) for row in found]


async def version_by_id(tx: AsyncSession, who: Actor, version_id: UUID) -> Version:
    """Return a version whatever its state; raises `VersionNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    row = await tx.get(DatasetVersionRow, version_id)
    dataset = await tx.get(DatasetRow, row.dataset_id) if row is not None else None
    if row is None or dataset is None or dataset.archived_at is not None:
        raise VersionNotFound(f"There is no dataset version {version_id} that you may read.")
    address = await _address(tx, dataset.org_id, dataset.name, who=who)
    _note(dataset, address)
    return as_version(row, address)


async def version_row_for(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None, *, need: Power = Power.DATASETS_READ
) -> Row:
    """Return a dataset's accepted version `number`, the latest for None, in one query where it is their own.

    It has the fields of a `DatasetVersionRow` but for the profile, and `dataset_name` and `column_notes`. Raises `DatasetNotFound`, `VersionNotFound`. To write, one acts in its organisation.
    """
    own_org = _require(who, need)
    org_id = await find_organisation_id(tx, org, who=who)
    found = await version_at(tx, org_id, name, number) if org_id is not None else None
    if found is None or (need is Power.DATASETS_WRITE and org_id != own_org):
        raise dataset_not_found(org, name, need)
    if found.id is None:
        wanted = "no version yet" if number is None else f"no version {number}"
        raise VersionNotFound(f"The dataset {org}/{name} has {wanted}.")
    note_dataset(found.id_of_dataset, found.org_of_dataset, f"{org}/{found.dataset_name}", is_sensitive=found.sensitive)
    return found


async def version_for(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> Version:
    """Return an accepted version as its readers see it; raises `VersionNotFound`."""
    row = await version_row_for(tx, who, org, name, number)
    return as_version(row, await _address(tx, row.org_id, row.dataset_name, who=who))


async def profile_for(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> dict[str, Any]:
    """Return the profile of an accepted version, as the engine wrote it; raises `VersionNotFound`."""
    row = await version_row_for(tx, who, org, name, number)
    return await profile_by_id(tx, row.id)


async def note_read_of_version(tx: AsyncSession, version_id: UUID) -> None:
    """Have the read of what shows rows of a version told of, where its dataset is sensitive."""
    row = (
        await tx.execute(
            select(DatasetRow.id, DatasetRow.org_id, DatasetRow.name)
            .join(DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id)
            .where(DatasetVersionRow.id == version_id, DatasetRow.sensitive)
        )
    ).one_or_none()
    if row is not None:
        address = await _address(tx, row.org_id, row.name)
        note_sensitive_read("dataset", row.id, address=address, org_id=row.org_id)


async def list_versions(
    tx: AsyncSession, who: Actor, org: str, name: str, *, limit: int, before: UUID | None = None
) -> list[Version]:
    """Return a dataset's versions of every state, newest first."""
    dataset = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    query = select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id)
    query = query.order_by(DatasetVersionRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(DatasetVersionRow.id < before)
    address = await _address(tx, dataset.org_id, dataset.name, who=who)
    return [as_version(row, address) for row in await tx.scalars(query)]


async def version_table_for(
    tx: AsyncSession, who: Actor, address: str, *, need: Power = Power.DATASETS_READ
) -> VersionTable:
    """Return where the rows of `org/name` or `org/name@3` lie; raises `AddressInvalid` and what finding it raises."""
    parts = DatasetAddress.parse(address)
    row = await version_row_for(tx, who, parts.org, parts.name, parts.number, need=need)
    return as_version_table(row, f"{parts.org}/{row.dataset_name}", dataset=row)


async def version_table_by_id(tx: AsyncSession, version_id: UUID) -> VersionTable:
    """Return where the rows of a version lie, for a job that works as its organisation.

    Raises `VersionNotFound`, and `VersionPending` when it was never accepted.
    """
    row = await tx.get(DatasetVersionRow, version_id)
    dataset = await tx.get(DatasetRow, row.dataset_id) if row is not None else None
    if row is None or dataset is None:
        raise VersionNotFound(f"There is no dataset version {version_id}.")
    if row.state != "accepted":
        raise VersionPending(f"{row.file_name} is not an accepted version.")
    address = await _address(tx, dataset.org_id, dataset.name)
    return as_version_table(row, address, dataset=dataset)


async def addresses_of_versions(tx: AsyncSession, version_ids: Iterable[UUID]) -> dict[UUID, tuple[str, int]]:
    """Return the dataset's address and the number of each version the caller may see: two queries."""
    query = (
        select(DatasetVersionRow.id, DatasetVersionRow.number, DatasetRow.name, DatasetRow.org_id)
        .join(DatasetRow, DatasetRow.id == DatasetVersionRow.dataset_id)
        .where(DatasetVersionRow.id.in_(list(version_ids)))
    )
    rows = (await tx.execute(query)).all()
    names = await organisation_names(tx, {row.org_id for row in rows})
    return {row.id: (f"{names.get(row.org_id, '?')}/{row.name}", row.number) for row in rows}


def as_version(row: DatasetVersionRow, address: str) -> Version:
    """Return the row as its readers see it."""
    return Version(
        id=row.id,
        dataset=address,
        number=row.number,
        state=row.state,
        job_id=row.job_id,
        file_name=row.file_name,
        row_count=row.row_count,
        byte_count=row.byte_count,
        source=row.source,
        table_schema=TableSchemaOut.model_validate(row.table_schema) if row.table_schema else None,
        error=row.error,
        created_at=row.created_at,
        accepted_at=row.accepted_at,
        thinned_at=row.thinned_at,
    )


def as_version_table(row: DatasetVersionRow | Row, address: str, *, dataset: DatasetRow | Row) -> VersionTable:
    """Return where an accepted version's rows lie, and what its dataset says of its columns.

    Raises `VersionThinned` where its rows were given up.
    """
    if row.number is None or row.delta_version is None or row.row_count is None:
        raise VersionPending(f"{row.file_name} is not an accepted version.")
    require_rows(row, address)
    return VersionTable(
        version_id=row.id,
        dataset_id=row.dataset_id,
        org_id=row.org_id,
        address=address,
        number=row.number,
        table_key=table_key(row.org_id, row.dataset_id),
        delta_version=row.delta_version,
        row_count=row.row_count,
        column_notes=dataset.column_notes,
        table_schema=TableSchemaOut.model_validate(row.table_schema),
        line_of_first_row=row.source.get("line_of_first_row"),
        marks=marks_in(dataset.personal_columns),
    )


def _as_dataset(row: Row, organisation: str) -> Dataset:
    return Dataset(
        id=row.id,
        address=f"{organisation}/{row.name}",
        organisation=organisation,
        name=row.name,
        description=row.description,
        column_notes=row.column_notes,
        tags=row.tags,
        licence=row.licence,
        visibility=row.visibility,
        sensitive=row.sensitive,
        latest_version=row.latest_version,
        created_at=row.created_at,
        dormant_at=row.dormant_at,
        revision=row.revision,
    )


def _require(who: Actor, need: Power) -> UUID | None:
    if need is Power.DATASETS_WRITE:
        return require(who, need)
    require_to_see(who, need)
    return who.org_id


def note_dataset(dataset_id: UUID, org_id: UUID, address: str, *, is_sensitive: bool) -> None:
    """Have the record of the request under way name the dataset, and tell of its read where it is sensitive."""
    note_audit("dataset", dataset_id, address=address, org_id=org_id)
    if is_sensitive:
        note_sensitive_read("dataset", dataset_id, address=address, org_id=org_id)


def _note(row: DatasetRow | Row, address: str) -> None:
    note_dataset(row.id, row.org_id, address, is_sensitive=row.sensitive)


def _at(org_id: UUID, name: str) -> dict[str, Any]:
    return {"org_id": org_id, "name_key": name.lower()}


def dataset_not_found(org: str, name: str, need: Power) -> DatasetNotFound:
    """Return the refusal of a dataset that is not there for whoever asks."""
    return DatasetNotFound(f"There is no dataset {org}/{name} that you may {_verb(need)}.")


async def version_at(tx: AsyncSession, org_id: UUID, name: str, number: int | None) -> Row | None:
    """Return what `version_row_for` returns, whoever asks; None where there is no such dataset."""
    if number is None:
        return await _LATEST_VERSION.row(tx, **_at(org_id, name))
    return await _VERSION.row(tx, **_at(org_id, name), number=number)


async def _address(tx: AsyncSession, org_id: UUID, name: str, *, who: Actor = ANYONE) -> str:
    names = await organisation_names(tx, {org_id}, who=who)
    return f"{names.get(org_id, '?')}/{name}"


def _verb(need: Power) -> str:
    return "change" if need is Power.DATASETS_WRITE else "read"
