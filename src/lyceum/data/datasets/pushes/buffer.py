"""The buffer as a table: batches wait, go into the hands of a version, and leave with it, or come back.

A batch is one row, written in the transaction that is committed before the push is answered. Whatever ends, the batch is
with exactly one of them: the buffer, a version under way, one that was rejected, or the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.pushes.models import PushedBatchRow
from lyceum.data.datasets.pushes.schemas import PushState

FLUSH_BYTES_MAX = 16 * 1024**2
"""Of pushed bodies that go into one version: they pass through the memory of a worker and of its child."""
FLUSH_BATCHES_MAX = 20_000
TIMES_PUT_BACK_MAX = 5
"""How often a batch is tried again when its version failed by no fault of the records."""
AT_FAULT_STATUS_MAX = 499
"""A version is rejected for its content with a status up to here, and for something that may pass with a higher one."""
PUSHED = "push"
SEEN_AFTER = timedelta(seconds=1)
"""So long after a push its window ends at the earliest, so that what is committed a moment later is still seen."""
"""What the source of such a version says of its format."""

_ADD = text("""
    INSERT INTO pushed_batches (org_id, dataset_id, pushed_by, form, record_count, byte_count, records)
    SELECT b.org_id, b.dataset_id, b.pushed_by, b.form, b.record_count, b.byte_count, b.records
    FROM unnest(
        CAST(:org_ids AS uuid[]), CAST(:dataset_ids AS uuid[]), CAST(:pushers AS uuid[]), CAST(:forms AS text[]),
        CAST(:record_counts AS integer[]), CAST(:byte_counts AS integer[]), CAST(:records AS bytea[])
    ) WITH ORDINALITY AS b (org_id, dataset_id, pushed_by, form, record_count, byte_count, records, place)
    ORDER BY b.place RETURNING id
""")
_WAITS = PushedBatchRow.version_id.is_(None)
# the first always, then as many more as stay within the bytes
_TAKE = text("""
    UPDATE pushed_batches SET version_id = :version
    WHERE id IN (
        SELECT b.id FROM (
            SELECT w.id, sum(w.byte_count) OVER (ORDER BY w.id) - w.byte_count AS bytes_before FROM (
                SELECT id, byte_count FROM pushed_batches
                WHERE dataset_id = :dataset AND version_id IS NULL ORDER BY id LIMIT :at_most
            ) AS w
        ) AS b WHERE b.bytes_before < :bytes_max
    ) AND version_id IS NULL
""")
_OVERDUE = text("SELECT dataset_id, org_id FROM definer.pushes_waiting(:longer_than, :at_most)")


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What one request pushes to a dataset, and how many records these are."""

    org_id: UUID
    dataset_id: UUID
    pushed_by: UUID | None
    form: str
    records: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request pushed."""

    id: int
    form: str
    records: bytes


async def add_batches(tx: AsyncSession, batches: Sequence[NewBatch]) -> list[int]:
    """Keep what some requests pushed, once `tx` commits; returns the numbers of the batches, rising: one statement."""
    given = {
        "org_ids": [batch.org_id for batch in batches],
        "dataset_ids": [batch.dataset_id for batch in batches],
        "pushers": [batch.pushed_by for batch in batches],
        "forms": [batch.form for batch in batches],
        "record_counts": [batch.records for batch in batches],
        "byte_counts": [len(batch.body) for batch in batches],
        "records": [batch.body for batch in batches],
    }
    return sorted(await tx.scalars(_ADD, given))


async def waiting_bytes(tx: AsyncSession, dataset_id: UUID) -> int:
    """Return how much of a dataset's waits to become a version."""
    total = select(func.coalesce(func.sum(PushedBatchRow.byte_count), 0))
    return int(await tx.scalar(total.where(PushedBatchRow.dataset_id == dataset_id, _WAITS)) or 0)


async def any_waiting(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether any batch of a dataset waits."""
    first = select(PushedBatchRow.id).where(PushedBatchRow.dataset_id == dataset_id, _WAITS).limit(1)
    return await tx.scalar(first) is not None


async def any_overdue(tx: AsyncSession, dataset_id: UUID, *, every_seconds: int) -> bool:
    """Say whether a batch of a dataset waits whose window has ended."""
    window_began = _window_began(datetime.now(UTC), every_seconds)
    first = select(PushedBatchRow.id).where(
        PushedBatchRow.dataset_id == dataset_id, _WAITS, PushedBatchRow.pushed_at < window_began - SEEN_AFTER
    )
    return await tx.scalar(first.limit(1)) is not None


async def is_under_way(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether a version is being made of a dataset's batches just now."""
    pending = select(DatasetVersionRow.id).where(
        DatasetVersionRow.dataset_id == dataset_id,
        DatasetVersionRow.state == "pending",
        DatasetVersionRow.source["format"].astext == PUSHED,
    )
    return await tx.scalar(pending.limit(1)) is not None


async def take(tx: AsyncSession, dataset_id: UUID, version_id: UUID) -> None:
    """Put the oldest batches that wait into the hands of a version, as many as one takes."""
    values = {
        "dataset": dataset_id,
        "version": version_id,
        "at_most": FLUSH_BATCHES_MAX,
        "bytes_max": FLUSH_BYTES_MAX,
    }
    await tx.execute(_TAKE, values)


async def taken_by(tx: AsyncSession, version_id: UUID) -> list[Batch]:
    """Return the batches in the hands of a version, in the order they came."""
    columns = (PushedBatchRow.id, PushedBatchRow.form, PushedBatchRow.records)
    found = await tx.execute(
        select(*columns).where(PushedBatchRow.version_id == version_id).order_by(PushedBatchRow.id)
    )
    return [Batch(row.id, row.form, bytes(row.records)) for row in found]


async def pusher_of(tx: AsyncSession, dataset_id: UUID) -> UUID | None:
    """Return who pushed the oldest batch that waits."""
    first = select(PushedBatchRow.pushed_by).where(PushedBatchRow.dataset_id == dataset_id, _WAITS)
    person: UUID | None = await tx.scalar(first.order_by(PushedBatchRow.id).limit(1))
    return person


async def leave(tx: AsyncSession, version_id: UUID) -> None:
    """Remove the batches of a version whose table holds them: in the transaction that accepts it."""
    await tx.execute(delete(PushedBatchRow).where(PushedBatchRow.version_id == version_id))


async def hand_to(tx: AsyncSession, batch_ids: Sequence[int], version_id: UUID) -> None:
    """Put batches into the hands of another version."""
    await tx.execute(update(PushedBatchRow).where(PushedBatchRow.id.in_(batch_ids)).values(version_id=version_id))


async def come_back(tx: AsyncSession, version_id: UUID, error: dict[str, Any]) -> bool:
    """Put the batches of a rejected version back where its records are not at fault; says whether any wait again.

    Records that are at fault, and those that were put back too often, stay with the version: nobody's are thrown away
    before it is.
    """
    status = error.get("status")
    if isinstance(status, int) and status <= AT_FAULT_STATUS_MAX and error.get("code") != "cancelled":
        return False
    put_back = (
        update(PushedBatchRow)
        .where(PushedBatchRow.version_id == version_id, PushedBatchRow.times_put_back < TIMES_PUT_BACK_MAX)
        .values(version_id=None, times_put_back=PushedBatchRow.times_put_back + 1)
        .returning(PushedBatchRow.id)
    )
    return (await tx.execute(put_back)).first() is not None


async def put_back(tx: AsyncSession, version_id: UUID) -> bool:
    """Put all that a rejected version keeps back, to be tried as if it had come just now; says whether there was any."""
    waits = update(PushedBatchRow).where(PushedBatchRow.version_id == version_id)
    returned = waits.values(version_id=None, times_put_back=0).returning(PushedBatchRow.id)
    return (await tx.execute(returned)).first() is not None


async def state_of(tx: AsyncSession, dataset_id: UUID) -> PushState:
    """Return what was pushed to a dataset and is in no accepted version yet: one query."""
    waits, pending = _WAITS, DatasetVersionRow.state == "pending"
    batch = PushedBatchRow
    counted = (
        select(
            func.count().filter(waits).label("waiting_batches"),
            func.coalesce(func.sum(batch.record_count).filter(waits), 0).label("waiting_records"),
            func.coalesce(func.sum(batch.byte_count).filter(waits), 0).label("waiting_bytes"),
            func.min(batch.pushed_at).filter(waits).label("waiting_since"),
            func.coalesce(func.sum(batch.record_count).filter(pending), 0).label("in_hand_records"),
            func.coalesce(func.sum(batch.record_count).filter(DatasetVersionRow.state == "rejected"), 0).label("held"),
        )
        .outerjoin(DatasetVersionRow, DatasetVersionRow.id == batch.version_id)
        .where(batch.dataset_id == dataset_id)
    )
    row = (await tx.execute(counted)).one()
    return PushState(
        waiting_batches=row.waiting_batches,
        waiting_records=row.waiting_records,
        waiting_bytes=row.waiting_bytes,
        waiting_since=row.waiting_since,
        in_hand_records=row.in_hand_records,
        held_records=row.held,
    )


async def forget_of_organisation(tx: AsyncSession, org_id: UUID) -> None:
    """Remove all that was pushed to an organisation's datasets and is in no table."""
    await tx.execute(delete(PushedBatchRow).where(PushedBatchRow.org_id == org_id))


async def list_overdue(tx: AsyncSession, *, longer_than: timedelta, limit: int) -> list[tuple[UUID, UUID]]:
    """Return (dataset, organisation) of batches that have waited too long, whosever they are."""
    found = await tx.execute(_OVERDUE, {"longer_than": longer_than, "at_most": limit})
    return [(row.dataset_id, row.org_id) for row in found]


def due_at(now: datetime, *, every_seconds: int) -> datetime:
    """Return when what is pushed now becomes a version: the end of a window that all processes reckon alike."""
    return _window_began(now + SEEN_AFTER, every_seconds) + timedelta(seconds=every_seconds)


def _window_began(at: datetime, every_seconds: int) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // every_seconds * every_seconds, UTC)
