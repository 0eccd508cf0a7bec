"""Records that the hub itself adds to a dataset that it fills."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.pushes import buffer
from lyceum.data.datasets.pushes.jobs import begin_flush


async def keep_records(tx: AsyncSession, dataset_id: UUID, body: bytes, *, records: int) -> None:
    """Keep records (JSON Lines that fit the columns) for the dataset's next version, as a push does."""
    batch = buffer.NewBatch(tx.info["scope"].org_id, dataset_id, None, "jsonl", records, body)
    await buffer.add_batches(tx, [batch])


async def make_version_of_kept(tx: AsyncSession, dataset_id: UUID) -> None:
    """Begin a version of what was kept; where one is being made, the next begins when it is done."""
    await begin_flush(tx, dataset_id)
