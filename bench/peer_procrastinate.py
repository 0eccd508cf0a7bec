"""procrastinate as a subject of `jobs_peers.py`, which starts this in an environment of its own.

`prepare`, `put <jobs>`, `work`, `time <jobs>`. Its documentation asks for asynchronous tasks, many of them at once, and a
pool with as many connections as tasks where these are short.
"""

import asyncio
import json
import logging
import os
import sys

from procrastinate import App, PsycopgConnector  # type: ignore[import-not-found]  # in an environment of its own
from tally import own_tally, time_starts, wait_for_go

TASKS_AT_ONCE = 50
PUT_AT_ONCE = 1_000

# its one task is given a name, so nothing hangs on the app standing in the main module
logging.getLogger("procrastinate").setLevel(logging.ERROR)
tally = own_tally()
app = App(connector=PsycopgConnector(conninfo=os.environ["BENCH_DATABASE"], max_size=TASKS_AT_ONCE + 1))


async def do_nothing() -> None:
    """Be counted."""
    tally.note()


no_op = app.task(name="no_op")(do_nothing)


async def prepare() -> None:
    """Make its tables."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def put(jobs: int) -> None:
    """Put so many on its queue, many in a statement."""
    async with app.open_async():
        for first in range(0, jobs, PUT_AT_ONCE):
            await no_op.batch_defer_async(*({} for _ in range(first, min(first + PUT_AT_ONCE, jobs))))


async def work() -> None:
    """Work until SIGTERM."""
    async with app.open_async():
        await asyncio.to_thread(wait_for_go)
        await app.run_worker_async(concurrency=TASKS_AT_ONCE)


async def time_jobs(jobs: int) -> list[float]:
    """Return how long each of some took to start."""
    async with app.open_async():
        return await time_starts(no_op.defer_async, jobs=jobs)


def main() -> None:
    """Do what the command says."""
    match sys.argv[1:]:
        case ["prepare"]:
            asyncio.run(prepare())
        case ["put", jobs]:
            asyncio.run(put(int(jobs)))
        case ["work"]:
            asyncio.run(work())
        case ["time", jobs]:
            print(json.dumps(asyncio.run(time_jobs(int(jobs)))))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
