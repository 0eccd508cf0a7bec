"""A pending version's two ends: accepted with a number, or rejected with the reason."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import record
from lyceum.data.datasets.events import ColumnsMarked
from lyceum.data.datasets.judges import VersionJudge, kept
from lyceum.data.datasets.marks import marks_in, with_found
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.pushes import public as pushes
from lyceum.data.datasets.queries import addresses_of_versions
from lyceum.data.datasets.work import AcceptedTable
from lyceum.files.public import give_up_content
from lyceum.kernel.events import publish
from lyceum.kernel.problems import Conflict
from lyceum.kernel.usage import count_kept
from lyceum.notify.public import VersionRejected, notify

VersionFollower = Callable[[AsyncSession, UUID], Awaitable[None]]
"""Told of a version that is being accepted, in that transaction; a `Conflict` that it raises has the version rejected instead."""
CALLED_OFF = {"code": "cancelled", "title": "Called off", "status": 409, "detail": "Reading the file was called off."}

WHY_IS_COVERED = "Why this version was rejected is covered, since it tells of a column that is masked now."
_NAME_CHARS_SAID = 39
NEVER_READ = {
    "code": "never_read",
    "title": "The file was not read",
    "status": 500,
    "detail": "The hub could not finish reading this file; upload it again, and look at the worker's log if it happens twice.",
}


async def accept(
    tx: AsyncSession,
    version_id: UUID,
    table: AcceptedTable,
    followers: Iterable[VersionFollower],
    judges: Iterable[VersionJudge],
) -> str | None:
    """Give a pending version its number, the next of its dataset, unless a judge or a follower refuses it: then it is rejected.

    What the judges found is kept either way. Accepting it again changes nothing. Returns where the upload lies, which is not needed any more; None when there is
    nothing to remove.
    """
    row = await tx.get(DatasetVersionRow, version_id, with_for_update=True)
    if row is None or row.state != "pending":
        return None
    if table.delta_version is None:
        await reject(tx, version_id, await kept(tx, version_id, table.judgements, judges) or NEVER_READ)
        return None
    try:
        async with tx.begin_nested():
            await _accept(tx, row, table, table.delta_version, followers)
            await kept(tx, version_id, table.judgements, judges)
            return await give_up_content(tx, row.upload_id) if row.upload_id else None
    except Conflict as refusal:
        await reject(tx, version_id, refusal.body())
        return None


async def _accept(
    tx: AsyncSession,
    row: DatasetVersionRow,
    table: AcceptedTable,
    delta_version: int,
    followers: Iterable[VersionFollower],
) -> None:
    # Two versions of one dataset wait here for each other, so that numbers have no gap and no twin.
    of_dataset = select(DatasetRow.personal_columns).where(DatasetRow.id == row.dataset_id)
    known = await tx.scalar(of_dataset.with_for_update())
    if table.personal.keys() - (known or {}).keys():
        marked = with_found(known or {}, table.personal)
        await tx.execute(update(DatasetRow).where(DatasetRow.id == row.dataset_id).values(personal_columns=marked))
        await cover_what_was_said(tx, row.dataset_id, [name for name in marks_in(marked) if name not in (known or {})])
    query = select(func.coalesce(func.max(DatasetVersionRow.number), 0)).where(
        DatasetVersionRow.dataset_id == row.dataset_id
    )
    row.number = int(await tx.scalar(query) or 0) + 1
    row.state = "accepted"
    row.delta_version = delta_version
    row.row_count = table.row_count
    row.byte_count = table.byte_count
    row.source = table.source
    row.table_schema = table.table_schema
    row.profile = table.profile
    row.table_bytes = table.table_bytes
    row.accepted_at = datetime.now(UTC)
    await tx.flush()
    for follow in followers:
        await follow(tx, row.id)
    await count_kept(tx, "tables", byte_count=table.table_bytes, object_count=1 if table.table_bytes else 0)
    record(tx, tx.info["scope"], "accept_version", "dataset_version", row.id)


async def reject(tx: AsyncSession, version_id: UUID, error: dict[str, Any]) -> None:
    """Say that a pending version never became one, and why."""
    row = await tx.get(DatasetVersionRow, version_id, with_for_update=True)
    if row is None or row.state != "pending":
        return
    row.state = "rejected"
    row.error = error
    await tx.flush()
    if row.source.get("format") == pushes.PUSHED:
        await pushes.come_back(tx, row.id, error)
    record(tx, tx.info["scope"], "reject_version", "dataset_version", row.id)
    if error.get("code") != CALLED_OFF["code"]:
        address = (await addresses_of_versions(tx, [row.id]))[row.id][0]
        told = VersionRejected(dataset=address, file_name=row.file_name, reason=str(error.get("detail", "")))
        await notify(tx, told, [row.created_by] if row.created_by else [], collapse_key=f"version:{row.id}")


async def cover_what_was_said(tx: AsyncSession, dataset_id: UUID, columns: Collection[str]) -> None:
    """Have nothing that was said tell values of columns that are marked from now on: why versions were rejected, and elsewhere."""
    version = DatasetVersionRow
    earlier = (version.dataset_id == dataset_id, version.state != "pending")
    if not columns or await tx.scalar(select(version.id).where(*earlier).limit(1)) is None:
        return
    rejected = select(version.id, version.error).where(*earlier, version.state == "rejected")
    for found in (await tx.execute(rejected)).all():
        if _tells_of(found.error or {}, columns):
            error = without_values(found.error, WHY_IS_COVERED)
            await tx.execute(update(version).where(version.id == found.id).values(error=error))
    await publish(tx, ColumnsMarked(dataset_id=dataset_id, columns=tuple(columns)))


def without_values(error: dict[str, Any], detail: str) -> dict[str, Any]:
    """Return why a version was rejected with nothing in it that may quote its rows; `detail` stands for that."""
    kept: dict[str, Any] = {name: error[name] for name in ("code", "title", "status", "check_run_id") if name in error}
    return {**kept, "detail": detail}


def _tells_of(error: dict[str, Any], columns: Iterable[str]) -> bool:
    said = " ".join(
        str(told) for told in (error.get("detail"), *(one.get("sentence") for one in error.get("checks", ())))
    )
    # a refusal may cut long names
    return any(name[:_NAME_CHARS_SAID] in said for name in columns)


async def list_undecided(tx: AsyncSession, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Return (version, organisation) of pending versions whose job has ended without a verdict."""
    found = text("SELECT id, org_id FROM definer.versions_undecided(:at_most)")
    return [(row.id, row.org_id) for row in await tx.execute(found, {"at_most": limit})]


def why(error: dict[str, Any] | None, state: str) -> dict[str, Any]:
    """Return the reason to reject a version with, of how its job ended."""
    return CALLED_OFF if state == "cancelled" else error or NEVER_READ
