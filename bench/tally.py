"""Counts what begins in several processes, and when; with the standard library alone, since peers bring their own Python.

Each process that begins jobs writes into a small file of its own, so that counting costs no job a system call.
"""

import asyncio
import mmap
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

FOLDER_VARIABLE = "BENCH_TALLY"
PAUSE_SECONDS = 0.02
LOOK_SECONDS = 0.0005
START_SECONDS_MAX = 30
_MOMENT, _NUMBER = struct.Struct("=d"), struct.Struct("=Q")
_RECORD = struct.Struct("=dQ")


class Tally:
    """One process's side; it may be made before a fork."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = 0
        self._number = 0

    def note(self) -> None:
        """Count a job that begins now."""
        began = time.monotonic()
        if os.getpid() != self._pid:
            self._open()
        self._number += 1
        _MOMENT.pack_into(self._shared, 0, began)
        # last, since whoever sees the number goes on to read the moment
        _NUMBER.pack_into(self._shared, _MOMENT.size, self._number)

    def _open(self) -> None:
        self._pid, self._number = os.getpid(), 0
        with (self._folder / str(self._pid)).open("w+b") as file:
            file.write(bytes(_RECORD.size))
            file.flush()
            self._shared = mmap.mmap(file.fileno(), _RECORD.size)


def own_tally() -> Tally:
    """Return the tally of the run this process belongs to."""
    return Tally(Path(os.environ[FOLDER_VARIABLE]))


def read_tally(folder: Path) -> tuple[int, float]:
    """Return how many jobs have begun in all processes, and when the last one did, by the monotonic clock."""
    records = (file.read_bytes() for file in folder.iterdir())
    counted = [_RECORD.unpack(record) for record in records if len(record) == _RECORD.size]
    return sum(number for _, number in counted), max((moment for moment, _ in counted), default=0.0)


async def time_starts(put_one: Callable[[], Awaitable[object]], *, jobs: int) -> list[float]:
    """Return the seconds from asking for each of some jobs to its start, put one at a time while the worker is idle."""
    folder, took = Path(os.environ[FOLDER_VARIABLE]), []
    for _ in range(jobs):
        await asyncio.sleep(PAUSE_SECONDS)
        before, _ = read_tally(folder)
        asked = time.monotonic()
        await put_one()
        number, began = read_tally(folder)
        while number == before:
            if time.monotonic() > asked + START_SECONDS_MAX:
                raise TimeoutError(f"no job began within {START_SECONDS_MAX} s of being put")
            await asyncio.sleep(LOOK_SECONDS)
            number, began = read_tally(folder)
        took.append(began - asked)
    return took


def wait_for_go() -> None:
    """Tell the benchmark that this process is ready to work, and wait until it says so."""
    print("ready", flush=True)
    sys.stdin.readline()
