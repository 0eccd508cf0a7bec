"""What short computing costs whose jobs come one after the other: of one organisation, and of another each time.

    python bench/short_jobs.py

Prints what one job takes from being handed to its runner until its result is there, and the CPU time of its process, for
a job that computes nothing with the imports of the product's own. No server is needed.
"""

import asyncio
import os
import resource
import statistics
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec

from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Attempt
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.jobs.heavy import HeavyRunner
from lyceum.kernel.jobs.lanes import REST_SECONDS_MAX, SHORT_CHILDREN_MAX
from lyceum.kernel.jobs.queue import JobArgs

JOBS = 20
MEMORY_BYTES_MAX = 2 * 1024**3


class Computed(JobArgs, frozen=True, kw_only=True):
    """A job that computes nothing."""

    kind = "bench.computed"
    lane = "short"


class Nothing(msgspec.Struct):
    """What goes into it and comes out of it."""


async def _prepare(run: JobRun, args: Any) -> Nothing:
    del run, args
    return Nothing()


async def _conclude(*_: Any) -> None: ...


def compute(given: Nothing, side: Any) -> Nothing:
    """Return what was given."""
    del side
    return given


HANDLER = HeavyHandler(
    args_type=Computed, prepare=_prepare, compute="short_jobs:compute", output_type=Nothing, conclude=_conclude
)


async def measured(organisations: int) -> tuple[float, float]:
    """Return the median seconds of a job and the CPU seconds of a job's process, so many organisations taking turns."""
    # not above, since the processes that are measured import this file
    from lyceum import wiring

    preload = (name for handler in wiring.handlers().computing("short") for name in handler.preload)
    runner = HeavyRunner(
        preload=tuple(dict.fromkeys(preload)),
        at_once=SHORT_CHILDREN_MAX,
        memory_bytes_max=MEMORY_BYTES_MAX,
        rest_seconds_max=REST_SECONDS_MAX["short"],
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    keeping = asyncio.create_task(runner.keep_spare())
    taken = []
    for number in range(JOBS):
        run = _run_of(UUID(int=number % organisations))
        began = time.perf_counter()
        await runner.compute(Attempt(run.job_id, run.attempt), HANDLER, run, Computed())
        taken.append(time.perf_counter() - began)
    keeping.cancel()
    await runner.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return statistics.median(taken), cpu / JOBS


def _run_of(org_id: UUID) -> JobRun:
    resources = cast("Any", SimpleNamespace(settings=SimpleNamespace(log_level="warning")))
    scope = Scope(org_id=org_id)
    return JobRun(new_id(), 1, new_id(), scope=scope, resources=resources, report_progress=cast("Any", None))


def main() -> None:
    """Measure both and print them."""
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)
    one, cpu_one = asyncio.run(measured(1))
    # more than may rest, so that each finds the child of somebody else
    many, cpu_many = asyncio.run(measured(JOBS))
    print(f"of one organisation        {one * 1e3:8.1f} ms a job, {cpu_one * 1e3:8.1f} ms of CPU")
    print(f"of another each time       {many * 1e3:8.1f} ms a job, {cpu_many * 1e3:8.1f} ms of CPU")
    print(f"ratio                      {one / many:8.3f}            {cpu_one / cpu_many:8.3f}")


if __name__ == "__main__":
    main()
