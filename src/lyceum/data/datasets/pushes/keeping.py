"""Records that the hub itself adds to a dataset that it fills."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.pushes import buffer
from lyceum.data.datasets.pushes.jobs import BeginFlush, begin_flush
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.queue import enqueue


async def keep_records(
    tx: AsyncSession, dataset_id: UUID, body: bytes, *, records: int, pushed_by: UUID | None = None
) -> None:
    """Keep records (JSON Lines that fit the columns) for the dataset's next version, as a push does."""
    batch = buffer.NewBatch(tx.info["scope"].org_id, dataset_id, pushed_by, "jsonl", records, body)
    await buffer.add_batches(tx, [batch])


async def make_version_of_kept(tx: AsyncSession, settings: Settings, dataset_id: UUID) -> None:
    """Begin a version of what was kept; where one is being made, the next begins at the end of the window."""
    if await begin_flush(tx, dataset_id) is None:
        due_at = buffer.due_at(datetime.now(UTC), every_seconds=settings.push_flush_seconds)
        await enqueue(tx, BeginFlush(dataset_id=dataset_id), run_at=due_at)
