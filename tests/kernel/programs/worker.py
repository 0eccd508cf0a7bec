"""A worker of a process of its own, whose kinds of jobs are those of the tests: `LYCEUM_…` says where."""

import asyncio
import os
import signal

from fixtures.job_kinds import writing_handlers
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import open_resources
from lyceum.kernel.serving import say_ready
from lyceum.kernel.telemetry import log_to_stderr


async def main() -> None:
    config = settings()
    log_to_stderr("info")
    async with open_resources(config) as resources:
        worker = Worker(
            resources=resources,
            handlers=Handlers.of(writing_handlers()),
            light_slots=config.worker_light_slots,
            heavy_slots=config.worker_heavy_slots,
            lease_seconds=config.job_lease_seconds,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop.set)
        say_ready()
        await worker.run()


if __name__ == "__main__":
    os.environ.setdefault("LYCEUM_WORKER_HEAVY_SLOTS", "1")
    asyncio.run(main())
