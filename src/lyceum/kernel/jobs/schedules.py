"""Work that comes round: at every full so many seconds of the clock it is put on the queue, once for all workers."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.tx import transaction

LOOK_SECONDS_MAX = 30.0
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Put `make()` on the queue every `every_seconds`, counted from 1970."""

    every_seconds: int
    make: Callable[[], JobArgs]


async def keep_schedules(database: Database, schedules: Iterable[Schedule]) -> None:
    """Enqueue what is due until cancelled. However many workers do this, a round is queued once."""
    done = dict.fromkeys(schedules, -1)
    while True:
        pause = LOOK_SECONDS_MAX
        for schedule in done:
            now = time.time()
            current = int(now // schedule.every_seconds)
            if done[schedule] != current and await _enqueue(database, schedule, current):
                done[schedule] = current
            until_next = (current + 1) * schedule.every_seconds - now
            pause = min(pause, until_next if done[schedule] == current else RETRY_SECONDS)
        await asyncio.sleep(max(pause, 0.0))


def _round_id(kind: str, every_seconds: int, number: int) -> UUID:
    """Return the id of a round, always the same: a UUIDv7 of the time it began, since lists of jobs go by that."""
    began_milliseconds = number * every_seconds * 1000
    digest = hashlib.sha256(f"{kind} {every_seconds} {number}".encode()).digest()
    return UUID(int=began_milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | int.from_bytes(digest[:7], "big"))


async def _enqueue(database: Database, schedule: Schedule, number: int) -> bool:
    args = schedule.make()
    # The round's own id: a second worker that comes later, even after the job has ended, adds nothing.
    round_id = _round_id(args.kind, schedule.every_seconds, number)
    try:
        async with transaction(database, NOBODY) as tx:
            await enqueue(tx, args, job_id=round_id, dedup_key=f"schedule:{args.kind}")
    except (SQLAlchemyError, OSError) as error:
        log.warning("a scheduled job could not be queued; trying again", extra={"cause": str(error)})
        return False
    return True
