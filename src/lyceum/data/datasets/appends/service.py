"""A version of what is appended, in the database: what it follows, and accepted only while that is still the latest."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.data.datasets import versions
from lyceum.data.datasets.appends.tables.public import AppendedTable, BaseVersion
from lyceum.data.datasets.judges import VersionJudge
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.public import refuse_while_erasing


async def latest_of(tx: AsyncSession, dataset_id: UUID) -> BaseVersion | None:
    """Return the latest accepted version of a dataset as one that is appended to; None before the first."""
    accepted = select(DatasetVersionRow).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.state == "accepted"
    )
    latest = accepted.order_by(DatasetVersionRow.number.desc()).limit(1).options(undefer(DatasetVersionRow.profile))
    row = await tx.scalar(latest)
    if row is None:
        return None
    if row.number is None or row.delta_version is None or row.table_schema is None:
        raise AssertionError("an accepted version has a number, a table and a schema")
    columns = tuple((column["name"], column["type"]) for column in row.table_schema["columns"])
    return BaseVersion(
        id=row.id, number=row.number, delta_version=row.delta_version, columns=columns, profile=row.profile or {}
    )


async def is_there(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether a dataset is there and not archived."""
    there = select(DatasetRow.id).where(DatasetRow.id == dataset_id, DatasetRow.archived_at.is_(None))
    return await tx.scalar(there) is not None


async def lock_dataset(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Lock a dataset against others who begin or end a version of what is appended; False when there is none."""
    row = await tx.scalar(select(DatasetRow.id).where(DatasetRow.id == dataset_id).with_for_update(key_share=True))
    return row is not None


async def is_overtaken(tx: AsyncSession, dataset_id: UUID, appended: AppendedTable) -> bool:
    """Say whether another version was accepted meanwhile, which would be lost behind this one; the dataset is locked."""
    accepted = select(DatasetVersionRow.id).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.state == "accepted"
    )
    latest: UUID | None = await tx.scalar(accepted.order_by(DatasetVersionRow.number.desc()).limit(1))
    return latest != appended.base_id


async def begin_appended(
    tx: AsyncSession, version_id: UUID, dataset_id: UUID, *, file_name: str, source: dict[str, Any], by: UUID | None
) -> UUID:
    """Begin a version of what is appended, pending, and return the id of its first operation; raises `ErasureUnderWay`."""
    row = DatasetVersionRow(
        id=version_id,
        org_id=tx.info["scope"].org_id,
        dataset_id=dataset_id,
        file_name=file_name,
        source=source,
        created_by=by,
    )
    tx.add(row)
    await tx.flush()
    await refuse_while_erasing(tx, dataset_id)
    return row.operation_id


async def give_job(tx: AsyncSession, version_id: UUID, job_id: UUID, *, operation_id: UUID | None = None) -> None:
    """Say which job makes a pending version, as another operation where one is given."""
    row = await tx.get(DatasetVersionRow, version_id, with_for_update=True)
    if row is None:
        raise AssertionError("the version is pending")
    row.job_id = job_id
    if operation_id is not None:
        row.operation_id = operation_id
    await tx.flush()


async def pending_operation(tx: AsyncSession, version_id: UUID, *, for_update: bool = False) -> UUID | None:
    """Return the operation of a pending version; None where it is decided or gone."""
    row = await tx.get(DatasetVersionRow, version_id, with_for_update=for_update)
    return row.operation_id if row is not None and row.state == "pending" else None


async def state_of_version(tx: AsyncSession, version_id: UUID) -> tuple[str, dict[str, Any] | None] | None:
    """Return the state of a version and why it was rejected; None where it is gone."""
    found = select(DatasetVersionRow.state, DatasetVersionRow.error).where(DatasetVersionRow.id == version_id)
    row = (await tx.execute(found)).one_or_none()
    return (row.state, row.error) if row is not None else None


async def accept_appended(
    tx: AsyncSession,
    version_id: UUID,
    appended: AppendedTable,
    followers: Iterable[versions.VersionFollower],
    judges: Iterable[VersionJudge],
) -> bool:
    """Give the version its number, and say whether its judges and followers allowed it; the dataset is locked."""
    await versions.accept(tx, version_id, appended.table, followers, judges)
    state = await state_of_version(tx, version_id)
    return state is not None and state[0] == "accepted"


async def reject_appended(tx: AsyncSession, version_id: UUID, error: dict[str, Any] | None, state: str) -> None:
    """Say that a pending version never became one, by how its job ended."""
    await versions.reject(tx, version_id, versions.why(error, state))


async def drop_pending(tx: AsyncSession, version_id: UUID) -> None:
    """Remove a version that turned out to be none: nothing of it was committed, and nobody was told of it."""
    pending = (DatasetVersionRow.id == version_id) & (DatasetVersionRow.state == "pending")
    await tx.execute(delete(DatasetVersionRow).where(pending))
