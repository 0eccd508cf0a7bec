"""A process for one attempt whose kinds of jobs are those of the tests."""

import asyncio
import logging
import os
import signal

from fixtures.computing import Senseless
from fixtures.job_kinds import Light
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.handlers import Handlers, JobRun, LightHandler
from lyceum.kernel.jobs.solo import do_order, read_order, tell
from lyceum.kernel.resources import open_resources
from lyceum.kernel.telemetry import log_to_stderr

log = logging.getLogger("lyceum.tests")


async def run(_run: JobRun, args: Light) -> dict[str, int]:
    log.info("alone", extra={"note": args.note})
    if args.note == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if args.note == "wait":
        await asyncio.Event().wait()
    if args.note == "refuse":
        raise Senseless("This job makes no sense.")
    if args.note == "print":
        os.write(1, b"what a library prints\n")
    if args.note == "fail":
        raise RuntimeError("secret detail of a library")
    return {"pid": os.getpid()}


async def main() -> None:
    order, answers = read_order()
    handlers = Handlers.of([LightHandler(args_type=Light, run=run)])
    async with open_resources(settings()) as resources:
        tell(await do_order(order, resources, handlers), answers)


if __name__ == "__main__":
    log_to_stderr("info", process="solo")
    asyncio.run(main())
