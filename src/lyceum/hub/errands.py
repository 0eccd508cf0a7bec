"""Short work for the administrator that needs the whole server's libraries, done by a process of its own.

The supervisor stays small and holds no database connection; the owner's password never reaches a long-lived process.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from lyceum.hub.errors import HubFailed
from lyceum.hub.forks import ForkRequest, ForkServer

ERRAND_SECONDS_MAX = 600


async def run_errand(
    request: ForkRequest, forks: ForkServer, *, log_file: Path, seconds_max: float = ERRAND_SECONDS_MAX
) -> AsyncIterator[dict[str, Any]]:
    """Run `lyceum.hub.administrator` and yield what it reports, one object a line.

    Raises `HubFailed` with its sentence. It is killed when nobody listens to its end.
    """
    reading, writing = os.pipe()
    try:
        with log_file.open("ab") as log:
            process = await forks.fork(request, (writing, log.fileno()))
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    try:
        async with asyncio.timeout(seconds_max):
            async for line in _lines(reading):
                report: dict[str, Any] = json.loads(line)
                if "error" in report:
                    raise HubFailed(report["error"])
                yield report
            code = await process.wait()
    except TimeoutError:
        raise HubFailed(f"The errand took longer than {seconds_max:.0f} s; see {log_file}.") from None
    finally:
        process.send_signal(signal.SIGKILL)
    if code != 0:
        raise HubFailed(f"An errand for the administrator failed (exit code {code}); see {log_file}.")


async def _lines(descriptor: int) -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        while line := await reader.readline():
            yield line
    finally:
        transport.close()
