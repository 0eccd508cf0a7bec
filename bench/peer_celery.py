"""Celery as a subject of `jobs_peers.py`, which starts this in an environment of its own.

`prepare`, `put <jobs>`, `work <pool> <processes>`, `time <jobs>`. Its documentation asks for no results that nobody
wants, and for a prefetch multiplier of 64 or 128 where tasks are short.
"""

import asyncio
import json
import os
import sys

from celery import Celery  # type: ignore[import-not-found]  # in an environment of its own
from tally import own_tally, time_starts, wait_for_go

PREFETCHED = 128

tally = own_tally()
app = Celery("peer_celery", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=PREFETCHED)


def do_nothing() -> None:
    """Be counted."""
    tally.note()


no_op = app.task(name="no_op")(do_nothing)


def put(jobs: int) -> None:
    """Put so many on its queue, over one connection."""
    with app.producer_or_acquire() as producer:
        for _ in range(jobs):
            no_op.apply_async(producer=producer)


def work(pool: str, processes: int) -> None:
    """Work until SIGTERM."""
    wait_for_go()
    app.worker_main(["worker", f"--pool={pool}", f"--concurrency={processes}", "--loglevel=WARNING"])


async def time_jobs(jobs: int) -> list[float]:
    """Return how long each of some took to start."""
    with app.producer_or_acquire() as producer:

        async def put_one() -> None:
            no_op.apply_async(producer=producer)

        return await time_starts(put_one, jobs=jobs)


def main() -> None:
    """Do what the command says."""
    match sys.argv[1:]:
        case ["prepare"]:
            pass
        case ["put", jobs]:
            put(int(jobs))
        case ["work", pool, processes]:
            work(pool, int(processes))
        case ["time", jobs]:
            print(json.dumps(asyncio.run(time_jobs(int(jobs)))))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
