"""The worker's side of a guard: the process that a job runs in is started below one, and ended with all it has started."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from lyceum.kernel.jobs.guard import EXIT_SIGNAL, PROGRAM_FOLLOWS
from lyceum.kernel.stopping import CHILD_END_SECONDS_MAX

log = logging.getLogger(__name__)


async def start_computing(
    connection: int, *, memory_bytes_max: int, preload: Sequence[str], env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    """Start a guard, and below it a child (`child.py`) that speaks over the connection."""
    streams = {"stdin": asyncio.subprocess.DEVNULL, "env": env}
    return await _start(connection, memory_bytes_max, (",".join(preload),), streams)


async def start_program(
    connection: int, *, memory_bytes_max: int, arguments: Sequence[str], output_bytes_max: int
) -> asyncio.subprocess.Process:
    """Start a guard, and below it Python with these arguments, which reads and answers over the streams of the guard."""
    streams = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "limit": output_bytes_max}
    return await _start(connection, memory_bytes_max, (PROGRAM_FOLLOWS, *arguments), streams)


async def end_of(guard: asyncio.subprocess.Process) -> int:
    """Return the exit code of a guard that has been hung up on, once all below it has ended."""
    try:
        async with asyncio.timeout(CHILD_END_SECONDS_MAX):
            return await guard.wait()
    except TimeoutError:
        log.warning("a job's processes do not end", extra={"guard_pid": guard.pid})
        guard.kill()
        return await guard.wait()


def exit_words(code: int) -> str:
    """Return how what a guard watched has ended."""
    try:
        return f"signal {signal.Signals(code - EXIT_SIGNAL).name}"
    except ValueError:
        return f"exit code {code}"


async def _start(
    connection: int, memory_bytes_max: int, what: Sequence[str], streams: Mapping[str, Any]
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lyceum.kernel.jobs.guard",
        *(str(connection), str(os.getpid()), str(memory_bytes_max), *what),
        pass_fds=[connection],
        start_new_session=True,
        **streams,
    )
