"""From enqueue to start on an idle hub: `python bench/jobs.py [--jobs 300]`.

A real PostgreSQL and a real worker; jobs arrive one at a time, with a pause in which the worker falls asleep. The floor
in the same run is one NOTIFY from a connection to another on the same server, and one commit of a row.
"""

import argparse
import asyncio
import secrets
import statistics
import time
from collections.abc import Sequence

import psycopg
from servers import machine, own_servers

from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.handlers import Handlers, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.resources import open_resources
from lyceum.kernel.tx import transaction

PAUSE_SECONDS = 0.02


class Mark(JobArgs, frozen=True, kw_only=True):
    """A job that notes when it starts."""

    kind = "bench.mark"
    number: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300)
    options = parser.parse_args()
    print(machine())
    with own_servers() as variables:
        settings = load_settings(
            home=variables["LYCEUM_HOME"],
            database_url=variables["LYCEUM_DATABASE_URL"],
            valkey_url=variables["LYCEUM_VALKEY_URL"],
            secret_key=secrets.token_hex(16),
        )
        floor = asyncio.run(_notify_floor(variables["LYCEUM_DATABASE_URL"], options.jobs))
        committed, started = asyncio.run(_measure(settings, options.jobs))
    _print("floor: NOTIFY to its listener", floor)
    _print("enqueue: transaction open to commit acknowledged", committed)
    _print("commit acknowledged to handler started", started)
    _print("enqueue to start", [a + b for a, b in zip(committed, started, strict=True)])


async def _measure(settings: Settings, jobs: int) -> tuple[list[float], list[float]]:
    began: dict[int, float] = {}
    has_begun = asyncio.Event()

    async def mark(run: JobRun, args: Mark) -> None:
        del run
        began[args.number] = time.perf_counter()
        has_begun.set()

    committed, started = [], []
    async with open_resources(settings, subscribers={}) as resources:
        worker = Worker(
            resources=resources,
            handlers=Handlers.of([LightHandler(args_type=Mark, run=mark)]),
            light_slots=16,
            heavy_slots=0,
            lease_seconds=15,
        )
        serving = asyncio.create_task(worker.run())
        for number in range(jobs):
            await asyncio.sleep(PAUSE_SECONDS)
            opened = time.perf_counter()
            async with transaction(resources.database, NOBODY) as tx:
                await enqueue(tx, Mark(number=number))
            acknowledged = time.perf_counter()
            await has_begun.wait()
            has_begun.clear()
            committed.append(acknowledged - opened)
            started.append(began[number] - acknowledged)
        worker.stop.set()
        await serving
    return committed, started


async def _notify_floor(url: str, rounds: int) -> list[float]:
    listener = await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True)
    speaker = await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True)
    took = []
    async with listener, speaker:
        await listener.execute("LISTEN bench")
        for _ in range(rounds):
            sent = time.perf_counter()
            await speaker.execute("NOTIFY bench")
            await anext(listener.notifies(stop_after=1))
            took.append(time.perf_counter() - sent)
    return took


def _print(what: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{what:<50} median {statistics.median(ordered) * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms   n {len(ordered)}")


if __name__ == "__main__":
    main()
