"""Work that comes round: at every full so many seconds of the clock it is put on the queue, once for all workers."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.tx import transaction

LOOK_SECONDS_MAX = 30.0
RETRY_SECONDS = 1.0
_ROUNDS = UUID("01a3f0de-5c1b-7b5e-9d3e-6f1f6a2c8e10")

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


async def _enqueue(database: Database, schedule: Schedule, number: int) -> bool:
    args = schedule.make()
    # The round's own id: a second worker that comes later, even after the job has ended, adds nothing.
    round_id = uuid5(_ROUNDS, f"{args.kind} {schedule.every_seconds} {number}")
    try:
        async with transaction(database, NOBODY) as tx:
            await enqueue(tx, args, job_id=round_id, dedup_key=f"schedule:{args.kind}")
    except (SQLAlchemyError, OSError) as error:
        log.warning("a scheduled job could not be queued; trying again", extra={"cause": str(error)})
        return False
    return True
