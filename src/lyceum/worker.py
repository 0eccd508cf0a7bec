"""A worker process: `python -m lyceum.worker`."""

import asyncio
import signal

from lyceum import wiring
from lyceum.kernel.config import Settings, settings
from lyceum.kernel.jobs.schedules import keep_schedules
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import open_resources
from lyceum.kernel.serving import say_ready
from lyceum.kernel.telemetry import log_to_stderr


async def work(config: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    async with open_resources(config, subscribers=wiring.subscribers()) as resources:
        worker = Worker(
            resources=resources,
            handlers=wiring.handlers(),
            light_slots=config.worker_light_slots,
            heavy_slots=config.worker_heavy_slots,
            lease_seconds=config.job_lease_seconds,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop.set)
        for clear_up in wiring.CLEAR_UPS:
            await asyncio.to_thread(clear_up, config)
        async with asyncio.TaskGroup() as group:
            schedules = group.create_task(keep_schedules(resources.database, wiring.SCHEDULES))
            say_ready()
            await worker.run()
            schedules.cancel()


def main() -> None:
    """Run a worker."""
    config = settings()
    log_to_stderr(config.log_level)
    asyncio.run(work(config))


if __name__ == "__main__":
    main()
