"""A worker process: `python -m lyceum.worker`; with `--solo` it runs the one attempt that a worker hands it."""

import asyncio
import contextlib
import logging
import signal
import sys

from prometheus_client import start_http_server

from lyceum import wiring
from lyceum.kernel.config import Settings, settings
from lyceum.kernel.jobs.job_log import JobLog, hear_attempts
from lyceum.kernel.jobs.recurring import keep_recurring
from lyceum.kernel.jobs.schedules import keep_schedules
from lyceum.kernel.jobs.solo import ARGUMENT, SoloOrder, SoloOutcome, do_order, read_order, tell
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import open_resources
from lyceum.kernel.serving import say_ready
from lyceum.kernel.telemetry import log_to_stderr, registry

SOLO_CONNECTIONS = 3

log = logging.getLogger(__name__)


async def work(config: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT."""
    handlers = wiring.handlers()
    async with open_resources(config, process="worker", subscribers=wiring.subscribers()) as resources:
        worker = Worker.configured(resources, handlers)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop.set)
        for clear_up in wiring.CLEAR_UPS:
            await asyncio.to_thread(clear_up, config)
        async with asyncio.TaskGroup() as group:
            rounds = [
                group.create_task(keep_schedules(resources.database, wiring.SCHEDULES)),
                group.create_task(keep_recurring(resources.database, handlers)),
                *(group.create_task(keep(resources)) for keep in wiring.ROUNDS),
            ]
            say_ready()
            await worker.run()
            for task in rounds:
                task.cancel()


async def work_alone(config: Settings, order: SoloOrder) -> SoloOutcome:
    """Run one attempt and return how it ended."""
    hear_attempts()
    async with (
        open_resources(
            config, process="solo", pool_size=SOLO_CONNECTIONS, subscribers=wiring.subscribers()
        ) as resources,
        asyncio.TaskGroup() as group,
    ):
        job_log = JobLog(resources.database)
        writing = group.create_task(job_log.write_until_cancelled())
        with job_log.of_attempt(order.job_id, order.attempt):
            outcome = await do_order(order, resources, wiring.handlers())
        writing.cancel()
    return outcome


def serve_figures(config: Settings) -> None:
    """Answer `/metrics` in a thread of its own, on the first free port of those for this machine's workers."""
    if not config.worker_metrics_port:
        return
    ports = range(config.worker_metrics_port, config.worker_metrics_port + config.worker_processes)
    for port in ports:
        with contextlib.suppress(OSError):
            start_http_server(port, addr=config.host, registry=registry)
            return
    log.warning("no port is free for this worker's figures", extra={"ports": f"{ports[0]}-{ports[-1]}"})


def main() -> None:
    """Run a worker."""
    config = settings()
    alone = ARGUMENT in sys.argv[1:]
    log_to_stderr(config.log_level, process="solo" if alone else "worker")
    if alone:
        order, answers = read_order()
        tell(asyncio.run(work_alone(config, order)), answers)
        return
    serve_figures(config)
    asyncio.run(work(config))


if __name__ == "__main__":
    main()
