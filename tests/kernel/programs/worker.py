"""A worker of a process of its own, whose kinds of jobs are those of the tests: `LYCEUM_…` says where.

With `--saying` its jobs log a line each, else they write rows. One that runs alone does what `solo.py` says.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from fixtures.job_kinds import saying_handlers, writing_handlers
from lyceum.kernel.config import settings
from lyceum.kernel.jobs import solo
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import open_resources
from lyceum.kernel.serving import say_ready
from lyceum.kernel.telemetry import log_to_stderr


async def main() -> None:
    config = settings()
    log_to_stderr("info", process="worker")
    kinds = saying_handlers() if "--saying" in sys.argv else writing_handlers()
    async with open_resources(config, process="worker") as resources:
        worker = Worker.configured(resources, Handlers.of(kinds))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop.set)
        say_ready()
        await worker.run()


if __name__ == "__main__":
    os.environ.setdefault("LYCEUM_WORKER_HEAVY_SLOTS", "1")
    solo.PROGRAM = (str(Path(__file__).with_name("solo.py")),)
    asyncio.run(main())
