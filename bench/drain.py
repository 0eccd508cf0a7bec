"""Times worker processes that work off a full queue: jobs a second, and the CPU that they and their server spent on each.

The first tenth of the jobs warms everything up and is not counted. CPU time is that of whole process trees, children that
have ended included; on a busy machine the rates suffer, while the CPU time of a job hardly changes.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tally import FOLDER_VARIABLE, read_tally

WARM_UP_SHARE = 10
LOOK_SECONDS = 0.005
STALL_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
ERROR_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Drained:
    """How fast so many jobs were worked off, and what that took."""

    jobs: int
    seconds: float
    worker_cpu_seconds: float
    server_cpu_seconds: float

    @property
    def jobs_a_second(self) -> float:
        return self.jobs / self.seconds

    @property
    def worker_microseconds(self) -> float:
        """CPU time a job of all worker processes together."""
        return self.worker_cpu_seconds / self.jobs * 1e6

    @property
    def server_microseconds(self) -> float:
        """CPU time a job of the server that holds the queue."""
        return self.server_cpu_seconds / self.jobs * 1e6


@dataclass(frozen=True, slots=True)
class Workers:
    """Worker processes that are ready to begin."""

    processes: Sequence[subprocess.Popen[bytes]]
    folder: Path
    errors: Path

    @property
    def variables(self) -> dict[str, str]:
        """What another process needs to read their tally."""
        return {FOLDER_VARIABLE: str(self.folder)}

    def drain(self, *, jobs: int, server_pid: int, is_finished: Callable[[], bool]) -> Drained:
        """Let them begin and return what working off the `jobs` on the queue took.

        `is_finished` is asked once all have begun. Raises `RuntimeError` when a worker ends, or nothing moves for long.
        """
        pids = [process.pid for process in self.processes]
        for process in self.processes:
            _tell(process, b"go\n")
        before = self._wait_for(jobs // WARM_UP_SHARE)
        began, worker_cpu, server_cpu = time.perf_counter(), _cpu_seconds(pids), _cpu_seconds([server_pid])
        self._wait_for(jobs)
        all_begun = time.monotonic()
        while not is_finished():
            self._look_after()
            if time.monotonic() > all_begun + STALL_SECONDS_MAX:
                raise RuntimeError(f"Jobs that began have not ended after {STALL_SECONDS_MAX} s: {self.said()}")
        return Drained(
            jobs=jobs - before,
            seconds=time.perf_counter() - began,
            worker_cpu_seconds=_cpu_seconds(pids) - worker_cpu,
            server_cpu_seconds=_cpu_seconds([server_pid]) - server_cpu,
        )

    def _wait_for(self, jobs: int) -> int:
        begun, moved = 0, time.monotonic()
        while begun < jobs:
            self._look_after()
            last, (begun, _) = begun, read_tally(self.folder)
            if begun > last:
                moved = time.monotonic()
            elif time.monotonic() > moved + STALL_SECONDS_MAX:
                raise RuntimeError(f"No job began for {STALL_SECONDS_MAX} s after {begun} of {jobs}: {self.said()}")
        return begun

    def _look_after(self) -> None:
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError(f"A worker ended by itself: {self.said()}")
        time.sleep(LOOK_SECONDS)

    def said(self) -> str:
        """Return the end of what they wrote to standard error."""
        return self.errors.read_text(encoding="utf-8", errors="replace")[-ERROR_CHARACTERS_MAX:]


@contextmanager
def started_workers(command: Sequence[str], variables: Mapping[str, str], *, count: int = 1) -> Iterator[Workers]:
    """Yield so many workers that are ready to begin, and stop them afterwards.

    Raises `RuntimeError` with the end of what was said when one does not get ready.
    """
    with TemporaryDirectory(prefix="lyceum-bench-") as name, ExitStack() as stack:
        folder, errors = Path(name) / "tally", Path(name) / "errors"
        folder.mkdir()
        environment = {**os.environ, **variables, FOLDER_VARIABLE: str(folder)}
        handle = stack.enter_context(errors.open("wb"))
        processes = [stack.enter_context(_started(command, environment, handle.fileno())) for _ in range(count)]
        workers = Workers(processes, folder, errors)
        for process in processes:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError(f"A worker did not start: {workers.said()}")
        yield workers


@contextmanager
def _started(command: Sequence[str], variables: Mapping[str, str], errors: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tell(process: subprocess.Popen[bytes], words: bytes) -> None:
    if process.stdin is None:
        raise AssertionError("workers are started with a pipe to read from")
    process.stdin.write(words)
    process.stdin.flush()


def _cpu_seconds(pids: Sequence[int]) -> float:
    """Return what these processes, their children, and the children that have ended have used."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    wanted = set(pids)
    while more := {pid for pid, (parent, _) in found.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(found[pid][1] for pid in wanted if pid in found) / os.sysconf("SC_CLK_TCK")
