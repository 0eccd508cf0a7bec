"""Where a push goes, in one statement; and the columns it has to fit, which are asked for once for each version."""

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, find_organisation_id, require, require_to_see
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.marks import marks_in
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.pushes import buffer
from lyceum.data.datasets.pushes.records import Columns
from lyceum.data.datasets.pushes.schemas import PushState
from lyceum.data.datasets.queries import dataset_not_found, dataset_row_for
from lyceum.data.datasets.readiness import require_awake
from lyceum.data.datasets.rows.public import Marks
from lyceum.kernel.prepared import Prepared, Row

COLUMNS_KEPT_MAX = 256

_LATEST_ID = (
    select(DatasetVersionRow.id)
    .where(
        DatasetVersionRow.dataset_id == DatasetRow.id,
        DatasetVersionRow.state == "accepted",
        DatasetVersionRow.number.is_not(None),
    )
    .order_by(DatasetVersionRow.number.desc())
    .limit(1)
    .correlate(DatasetRow)
    .scalar_subquery()
)
_TARGET = Prepared(
    select(
        DatasetRow.id, DatasetRow.org_id, DatasetRow.name, DatasetRow.dormant_at, _LATEST_ID.label("version_id")
    ).where(
        DatasetRow.org_id == bindparam("org_id"),
        DatasetRow.name_key == bindparam("name_key"),
        DatasetRow.archived_at.is_(None),
    )
)
_SEEN = Prepared(
    select(
        DatasetRow.id,
        DatasetRow.org_id,
        DatasetRow.name,
        DatasetRow.personal_columns,
        _LATEST_ID.label("version_id"),
    ).where(
        DatasetRow.org_id == bindparam("org_id"),
        DatasetRow.name_key == bindparam("name_key"),
        DatasetRow.archived_at.is_(None),
    )
)
_SCHEMA = Prepared(
    select(DatasetVersionRow.table_schema["columns"].label("columns")).where(
        DatasetVersionRow.id == bindparam("version_id")
    )
)
_columns_of: OrderedDict[UUID, Columns] = OrderedDict()
"""Of accepted versions, which never change."""


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """The columns of a dataset's latest version, that records are read against."""

    dataset_id: UUID
    org_id: UUID
    version_id: UUID
    columns: Columns
    marks: Marks


async def record_columns_for(tx: AsyncSession, who: Actor, org: str, name: str) -> RecordColumns:
    """Return what records are read against for who may read the dataset and pushes nothing: one statement, once a version two.

    No row is told of by this, so that it is no read of a sensitive dataset.

    Raises `DatasetNotFound`, and `VersionNotFound` where there are no columns yet.
    """
    require_to_see(who, Power.DATASETS_READ)
    org_id = await find_organisation_id(tx, org, who=who)
    found = await _SEEN.row(tx, org_id=org_id, name_key=name.lower()) if org_id is not None else None
    if found is None:
        raise dataset_not_found(org, name, Power.DATASETS_READ)
    columns = await columns_of(tx, found.version_id)
    if columns is None:
        raise VersionNotFound(
            f"{org}/{found.name} has no version yet, and so no columns; upload one, or push records to it."
        )
    return RecordColumns(found.id, found.org_id, found.version_id, columns, marks_in(found.personal_columns))


async def target_for(tx: AsyncSession, who: Actor, org: str, name: str) -> Row:
    """Return the dataset at `org/name` that the caller may push to, and its latest version: one statement.

    It has `id`, `org_id`, `name` and `version_id`, which is None before the first version. One acts in its organisation, as
    a guest at least. Raises `DatasetNotFound`.
    """
    own_org = require(who, Power.DATASETS_WRITE)
    org_id = await find_organisation_id(tx, org, who=who)
    found = await _TARGET.row(tx, org_id=org_id, name_key=name.lower()) if org_id == own_org else None
    if found is None:
        raise dataset_not_found(org, name, Power.DATASETS_WRITE)
    require_awake(found, f"{org}/{found.name}")
    return found


async def columns_of(tx: AsyncSession, version_id: UUID | None) -> Columns | None:
    """Return names and types of a version's columns, None where there is no version yet."""
    if version_id is None:
        return None
    known = _columns_of.get(version_id)
    if known is None:
        found = await _SCHEMA.row(tx, version_id=version_id)
        known = _columns_of[version_id] = tuple((column["name"], column["type"]) for column in found.columns)
        if len(_columns_of) > COLUMNS_KEPT_MAX:
            _columns_of.popitem(last=False)
    return known


async def push_state_for(tx: AsyncSession, who: Actor, org: str, name: str) -> PushState:
    """Return what was pushed to a dataset of the caller's organisation and is in no accepted version yet."""
    row = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    return await buffer.state_of(tx, row.id)
