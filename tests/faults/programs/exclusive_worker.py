"""A worker of exclusive jobs in a process of its own; with `--solo` the process of one attempt of theirs."""

import asyncio
import signal
import sys

from fixtures.exclusive import exclusive_handlers
from lyceum.kernel.config import settings
from lyceum.kernel.jobs import solo
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.recurring import keep_recurring
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import open_resources
from lyceum.kernel.serving import say_ready
from lyceum.kernel.telemetry import log_to_stderr

HANDLERS = Handlers.of(exclusive_handlers())


async def work() -> None:
    config = settings()
    async with open_resources(config) as resources:
        worker = Worker.configured(resources, HANDLERS)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop.set)
        async with asyncio.TaskGroup() as group:
            recurring = group.create_task(keep_recurring(resources.database, HANDLERS))
            say_ready()
            await worker.run()
            recurring.cancel()


async def work_alone(order: solo.SoloOrder) -> solo.SoloOutcome:
    async with open_resources(settings(), pool_size=1) as resources:
        return await solo.do_order(order, resources, HANDLERS)


if __name__ == "__main__":
    log_to_stderr("info", process="worker")
    if solo.ARGUMENT in sys.argv[1:]:
        given, answers = solo.read_order()
        solo.tell(asyncio.run(work_alone(given)), answers)
    else:
        solo.PROGRAM = (__file__, solo.ARGUMENT)
        asyncio.run(work())
