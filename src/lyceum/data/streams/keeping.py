"""What each worker does beside its jobs: it looks for streams that want one more consumer, and reads them."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from lyceum.data.streams.models import StreamConsumerRow, StreamRow
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import SeldomSaid
from lyceum.kernel.tx import transaction

LOOK_SECONDS = 2.0

_WANTED = text("SELECT stream_id, org_id FROM definer.streams_to_read(:worker_id, :at_most)")

log = logging.getLogger(__name__)


async def keep_streams(resources: Resources) -> None:
    """Read streams until cancelled, at most `worker_streams_max` at a time."""
    worker_id, at_most = new_id(), resources.settings.worker_streams_max
    reading: dict[UUID, asyncio.Task[None]] = {}
    seldom = SeldomSaid(log)
    try:
        while at_most:
            for stream_id in [one for one, task in reading.items() if task.done()]:
                _told_of(reading.pop(stream_id), stream_id)
            try:
                for stream_id, org_id in await _wanted(resources, worker_id, at_most - len(reading)):
                    if stream_id not in reading and await _take_place(resources, stream_id, org_id, worker_id):
                        consumer = _read(resources, stream_id, org_id, worker_id)
                        reading[stream_id] = asyncio.create_task(consumer)
            except (SQLAlchemyError, Problem, OSError) as error:
                seldom.warn("streams cannot be looked for just now", error)
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        for task in reading.values():
            task.cancel()
        await asyncio.gather(*reading.values(), return_exceptions=True)


async def _read(resources: Resources, stream_id: UUID, org_id: UUID, worker_id: UUID) -> None:
    # the client library is native code that only workers with a stream need
    from lyceum.data.streams.consuming import StreamConsumer

    await StreamConsumer(resources, stream_id, org_id, worker_id).run()


async def _wanted(resources: Resources, worker_id: UUID, at_most: int) -> list[tuple[UUID, UUID]]:
    if at_most <= 0:
        return []
    async with transaction(resources.database, NOBODY) as tx:
        rows = await tx.execute(_WANTED, {"worker_id": worker_id, "at_most": at_most})
        return [(row.stream_id, row.org_id) for row in rows]


async def _take_place(resources: Resources, stream_id: UUID, org_id: UUID, worker_id: UUID) -> bool:
    """Take the first place among a stream's consumers that nobody holds; says whether there was one."""
    consumer = StreamConsumerRow
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        over = (consumer.expires_at <= func.now()) | (consumer.worker_id == worker_id)
        await tx.execute(delete(consumer).where(consumer.stream_id == stream_id, over))
        wanted = select(StreamRow.consumers).where(StreamRow.id == stream_id, StreamRow.state == "running")
        places = await tx.scalar(wanted)
        taken = set(await tx.scalars(select(consumer.place).where(consumer.stream_id == stream_id)))
        free = [place for place in range(places or 0) if place not in taken]
        if not free:
            return False
        mine = insert(consumer).values(
            stream_id=stream_id,
            place=free[0],
            org_id=org_id,
            worker_id=worker_id,
            expires_at=datetime.now(UTC) + timedelta(seconds=resources.settings.job_lease_seconds),
        )
        return await tx.scalar(mine.on_conflict_do_nothing().returning(consumer.place)) is not None


def _told_of(task: asyncio.Task[None], stream_id: UUID) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        error = task.exception()
        if error is not None:
            log.warning("a stream's consumer ended", exc_info=error, extra={"stream_id": str(stream_id)})
