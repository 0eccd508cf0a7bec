"""pgqueuer as a subject of `jobs_peers.py`, which starts this in an environment of its own.

`prepare`, `put <jobs>`, `work`, `time <jobs>`. Its documentation asks for asyncpg, one connection for the worker, large
batches for short jobs and its own settings of autovacuum; its command line runs on uvloop, and so does this. Its tables
are as durable as it makes them by default.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-not-found]  # in an environment of its own
import pgqueuer  # type: ignore[import-not-found]  # same
import uvloop
from pgqueuer.db import AsyncpgDriver  # type: ignore[import-not-found]  # same
from pgqueuer.queries import Queries  # type: ignore[import-not-found]  # same
from tally import own_tally, time_starts, wait_for_go

BATCH = 100
PUT_AT_ONCE = 1_000

tally = own_tally()


async def do_nothing(job: Any) -> None:
    """Be counted."""
    del job
    tally.note()


@asynccontextmanager
async def queries() -> AsyncIterator[Any]:
    """Yield its queries on a connection."""
    connection = await asyncpg.connect(os.environ["BENCH_DATABASE"])
    try:
        yield Queries(AsyncpgDriver(connection))
    finally:
        await connection.close()


async def prepare() -> None:
    """Make its tables."""
    async with queries() as asked:
        await asked.install()
        await asked.optimize_autovacuum()


async def put(jobs: int) -> None:
    """Put so many on its queue, many in a statement."""
    async with queries() as asked:
        for first in range(0, jobs, PUT_AT_ONCE):
            size = min(PUT_AT_ONCE, jobs - first)
            await asked.enqueue(["no_op"] * size, [None] * size, [0] * size)


@asynccontextmanager
async def manager() -> AsyncIterator[Any]:
    """Yield what its worker runs."""
    connection = await asyncpg.connect(os.environ["BENCH_DATABASE"])
    try:
        made = pgqueuer.PgQueuer.from_asyncpg_connection(connection)
        made.entrypoint("no_op")(do_nothing)
        yield made
    finally:
        await connection.close()


async def work() -> None:
    """Work until SIGTERM."""
    await asyncio.to_thread(wait_for_go)
    await pgqueuer.run(manager, batch_size=BATCH)


async def time_jobs(jobs: int) -> list[float]:
    """Return how long each of some took to start."""
    async with queries() as asked:
        return await time_starts(lambda: asked.enqueue("no_op", None), jobs=jobs)


def main() -> None:
    """Do what the command says."""
    match sys.argv[1:]:
        case ["prepare"]:
            uvloop.run(prepare())
        case ["put", jobs]:
            uvloop.run(put(int(jobs)))
        case ["work"]:
            uvloop.run(work())
        case ["time", jobs]:
            print(json.dumps(uvloop.run(time_jobs(int(jobs)))))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
