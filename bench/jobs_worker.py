"""A worker process for the job benchmarks, with every feature of the product's on, and what puts no-op jobs before it.

As a script it is one of the subjects of `jobs_peers.py`: `prepare`, `put <jobs>`, `work`, `time <jobs>`. Its settings come
from the environment, as the product's do. It has handlers for every lane, so that it claims in each as often as a hub's
worker; there is no work in those that compute.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession
from tally import own_tally, time_starts, wait_for_go

from lyceum.kernel.config import Settings, settings
from lyceum.kernel.db import Scope
from lyceum.kernel.jobs.handlers import Handlers, HeavyHandler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.recurring import keep_recurring
from lyceum.kernel.jobs.schedules import keep_schedules
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.telemetry import log_to_stderr
from lyceum.kernel.tx import transaction

ORGANISATIONS = tuple(UUID(int=number) for number in range(1, 11))
PUT_AT_ONCE = 100
IS_FINISHED = "SELECT NOT EXISTS (SELECT FROM jobs WHERE state IN ('ready', 'claimed', 'running'))"


class NoOp(JobArgs, frozen=True, kw_only=True):
    """A job that does nothing."""

    kind = "bench.no_op"


class HighNoOp(JobArgs, frozen=True, kw_only=True):
    """The same in the class `high`."""

    kind = "bench.no_op_high"
    job_class = "high"


class BackgroundNoOp(JobArgs, frozen=True, kw_only=True):
    """The same in the class `background`."""

    kind = "bench.no_op_background"
    job_class = "background"


class ShortWork(JobArgs, frozen=True, kw_only=True):
    """What would compute for a moment; none is put."""

    kind = "bench.short"
    lane = "short"


class HeavyWork(JobArgs, frozen=True, kw_only=True):
    """What would compute for long; none is put."""

    kind = "bench.heavy"
    lane = "heavy"


CLASSES: tuple[type[JobArgs], ...] = (HighNoOp, NoOp, BackgroundNoOp)


class Nothing(msgspec.Struct):
    """What goes into a computing job and comes out of it."""


async def put_jobs(config: Settings, jobs: int, *, organisations: Sequence[UUID] = ORGANISATIONS) -> None:
    """Put so many no-op jobs on the queue, the organisations' and classes' shares of them equal."""
    turn = asyncio.Semaphore(config.database_pool_size)
    async with open_resources(config, subscribers={}) as resources:

        async def put_for(organisation: UUID, share: int) -> None:
            for first in range(0, share, PUT_AT_ONCE):
                async with turn:
                    await _put(resources, organisation, range(first, min(first + PUT_AT_ONCE, share)))

        shares = [len(range(place, jobs, len(organisations))) for place in range(len(organisations))]
        await asyncio.gather(*map(put_for, organisations, shares))


async def _put(resources: Resources, organisation: UUID, numbers: Iterable[int]) -> None:
    async with transaction(resources.database, Scope(org_id=organisation)) as tx:
        for number in numbers:
            await enqueue(tx, CLASSES[number % len(CLASSES)]())


async def work(config: Settings) -> None:
    """Run jobs until SIGTERM, as the product's worker does."""
    handlers = _handlers()
    async with open_resources(config, subscribers={}) as resources:
        worker = Worker.configured(resources, handlers)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop.set)
        await asyncio.to_thread(wait_for_go)
        async with asyncio.TaskGroup() as group:
            rounds = [
                group.create_task(keep_schedules(resources.database, ())),
                group.create_task(keep_recurring(resources.database, handlers)),
            ]
            await worker.run()
            for task in rounds:
                task.cancel()


def _handlers() -> Handlers:
    tally = own_tally()

    async def do_nothing(run: JobRun, args: JobArgs) -> None:
        del run, args
        tally.note()

    light = [LightHandler(args_type=args_type, run=do_nothing) for args_type in CLASSES]
    computing = [
        HeavyHandler(
            args_type=args_type,
            prepare=_prepare,
            compute="jobs_worker:compute",
            output_type=Nothing,
            conclude=_conclude,
        )
        for args_type in (ShortWork, HeavyWork)
    ]
    return Handlers.of([*light, *computing])


async def _prepare(run: JobRun, args: Any) -> Nothing:
    del run, args
    return Nothing()


def compute(given: Nothing, side: Any) -> Nothing:
    """Return what was given."""
    del side
    return given


async def _conclude(tx: AsyncSession, run: JobRun, args: Any, output: Any) -> None:
    del tx, run, args, output


async def _time(config: Settings, jobs: int) -> list[float]:
    async with open_resources(config, subscribers={}) as resources:

        async def put_one() -> None:
            async with transaction(resources.database, Scope(org_id=ORGANISATIONS[0])) as tx:
                await enqueue(tx, NoOp())

        return await time_starts(put_one, jobs=jobs)


def main() -> None:
    """Do what the command says."""
    config = settings()
    match sys.argv[1:]:
        case ["prepare"]:
            pass
        case ["put", jobs]:
            asyncio.run(put_jobs(config, int(jobs)))
        case ["work"]:
            log_to_stderr(config.log_level, process="worker")
            asyncio.run(work(config))
        case ["time", jobs]:
            print(json.dumps(asyncio.run(_time(config, int(jobs)))))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
