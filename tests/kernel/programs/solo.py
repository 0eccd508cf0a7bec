"""A process for one attempt whose kinds of jobs are those of the tests."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from fixtures.computing import Senseless
from fixtures.job_kinds import Light
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.handlers import Handlers, JobRun, LightHandler
from lyceum.kernel.jobs.solo import do_order, read_order, tell
from lyceum.kernel.resources import open_resources
from lyceum.kernel.telemetry import log_to_stderr

log = logging.getLogger("lyceum.tests")


HOG = "import time\nheld = []\nwhile True: held.append(bytearray(8 << 20)); time.sleep(.002)"


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
    if args.note == "hog":
        exec(HOG)
    if args.note == "hog in a child":
        await _start(HOG)
        await asyncio.Event().wait()
    if args.note == "leave a child":
        return {"pid": os.getpid(), "child": await _start("import time; time.sleep(600)")}
    if args.note.startswith("wait with a child "):
        path = Path(args.note.rpartition(" ")[2])
        path.with_suffix(".new").write_text(f"{os.getpid()} {await _start('import time; time.sleep(600)')}")
        path.with_suffix(".new").rename(path)
        await asyncio.Event().wait()
    return {"pid": os.getpid()}


async def _start(code: str) -> int:
    """Start a process that no signal to this one's group reaches, and return its id."""
    command = (sys.executable, "-c", code)
    return (await asyncio.create_subprocess_exec(*command, start_new_session=True)).pid


async def main() -> None:
    order, answers = read_order()
    handlers = Handlers.of([LightHandler(args_type=Light, run=run)])
    async with open_resources(settings()) as resources:
        tell(await do_order(order, resources, handlers), answers)


if __name__ == "__main__":
    log_to_stderr("info", process="solo")
    asyncio.run(main())
