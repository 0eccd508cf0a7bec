"""One child process of the hub: started, awaited until it serves, started again after a crash, stopped in time."""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from lyceum.hub.errors import HubFailed
from lyceum.hub.processes import Launch

READY_POLL_SECONDS = 0.01
READY_POLL_SECONDS_MAX = 0.1
BACKOFF_SECONDS_MIN = 0.5
BACKOFF_SECONDS_MAX = 30.0
STEADY_SECONDS = 60.0
FIRST_START_ATTEMPTS_MAX = 4
LOG_TAIL_BYTES = 4096


class RunningProcess(Protocol):
    """What is needed of a process that was started: asyncio's own and a forked one have it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, None while it runs."""

    async def wait(self) -> int:
        """Return its exit code, or the negative number of the signal that killed it."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""


Start = Callable[[BinaryIO, int | None], Awaitable[RunningProcess]]


class ChildState(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """How one child is run.

    `start` gets the log and the descriptor the child says on that it serves; that is None when `is_ready` asks it
    from outside, with its pid. `prepare` runs in a thread before every start but the first.
    """

    name: str
    start: Start
    log_file: Path
    is_ready: Callable[[int], bool] | None = None
    prepare: Callable[[], object] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    stop_seconds_max: float = 10.0
    ready_seconds_max: float = 120.0


@dataclass(frozen=True, slots=True)
class ChildReport:
    """What `lyceum status` says of a child; `since` is when it entered its state."""

    name: str
    state: ChildState
    pid: int | None
    restarts: int
    since: str
    last_exit: str | None


Announce = Callable[[str], None]


class Child:
    """Keeps one child process running until it is stopped."""

    def __init__(self, plan: ChildPlan, *, announce: Announce) -> None:
        self.plan = plan
        self.restarts = 0
        self.ready_seconds: float | None = None
        self._announce = announce
        self._process: RunningProcess | None = None
        self._stopping = asyncio.Event()
        self._became_ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._last_exit: str | None = None
        self._enter(ChildState.STARTING)

    @property
    def pid(self) -> int | None:
        """The pid while the process runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    @property
    def is_ready(self) -> bool:
        return self._state is ChildState.READY

    def report(self) -> ChildReport:
        """Return the child's state for people and for `--json`."""
        return ChildReport(
            name=self.plan.name,
            state=self._state,
            pid=self.pid,
            restarts=self.restarts,
            since=self._since.isoformat(timespec="seconds"),
            last_exit=self._last_exit,
        )

    async def run(self) -> None:
        """Run the child until `stop`; raises `HubFailed` when it never became ready in its first attempts."""
        try:
            await self._run_until_stopped()
        finally:
            self._ended.set()

    async def wait_ready(self) -> None:
        """Return when the child has become ready for the first time."""
        await self._became_ready.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the child when it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self) -> None:
        """Ask the running child to end, and end it when it takes longer than its time."""
        self._stopping.set()
        self.send_signal(self.plan.stop_signal)
        try:
            async with asyncio.timeout(self.plan.stop_seconds_max):
                await self._ended.wait()
        except TimeoutError:
            self._announce(f"{self.plan.name} did not stop within {self.plan.stop_seconds_max:.0f} s and is killed.")
            self.kill()
            await self._ended.wait()

    def kill(self) -> None:
        """End the child and its process group at once."""
        self._stopping.set()
        self.send_signal(self.plan.kill_signal)
        if self.pid is not None:
            self._kill_group(self.pid)

    async def _run_until_stopped(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                await self._run_once()
            except (OSError, HubFailed) as error:
                self._last_exit = str(error)
            if self._stopping.is_set():
                break
            failures = 1 if time.monotonic() - started > STEADY_SECONDS else failures + 1
            if not self._became_ready.is_set() and failures >= FIRST_START_ATTEMPTS_MAX:
                self._enter(ChildState.FAILED)
                raise HubFailed(f"{self.plan.name} does not start: {self._last_words()}")
            await self._back_off(failures)
        self._enter(ChildState.STOPPED)

    async def _run_once(self) -> None:
        started = time.monotonic()
        if self.plan.prepare is not None and self.restarts > 0:
            await asyncio.to_thread(self.plan.prepare)
        if self._stopping.is_set():
            return
        process, becoming_ready = await self._spawn()
        if self._stopping.is_set():
            self.send_signal(self.plan.stop_signal)
        ending = asyncio.ensure_future(process.wait())
        patience = self.plan.ready_seconds_max
        await asyncio.wait({becoming_ready, ending}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if becoming_ready.done() and becoming_ready.result() and not ending.done():
            self.ready_seconds = time.monotonic() - started
            self._enter(ChildState.READY)
            self._became_ready.set()
        elif not ending.done() and not self._stopping.is_set():
            self._announce(f"{self.plan.name} is not ready after {patience:.0f} s and is started again.")
            self.send_signal(self.plan.kill_signal)
        self._last_exit = _ending(await ending)
        becoming_ready.cancel()
        self._kill_group(process.pid)

    def _kill_group(self, pid: int) -> None:
        if self.plan.kill_signal is signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    async def _spawn(self) -> tuple[RunningProcess, "asyncio.Task[bool]"]:
        """Start the process; the task that comes back ends when it serves."""
        is_ready = self.plan.is_ready
        reading, writing = os.pipe() if is_ready is None else (-1, None)
        try:
            with self.plan.log_file.open("ab") as log:
                self._process = process = await self.plan.start(log, writing)
        except BaseException:
            if is_ready is None:
                os.close(reading)
            raise
        finally:
            if writing is not None:
                os.close(writing)
        watching = _read_ready(reading) if is_ready is None else _poll_ready(is_ready, process.pid)
        return process, asyncio.create_task(watching)

    async def _back_off(self, failures: int) -> None:
        seconds = min(BACKOFF_SECONDS_MIN * 2 ** (failures - 1), BACKOFF_SECONDS_MAX)
        self.restarts += 1
        self._enter(ChildState.RESTARTING)
        self._announce(
            f"{self.plan.name} ended ({self._last_exit}) and starts again in {seconds:g} s; see {self.plan.log_file}."
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _enter(self, state: ChildState) -> None:
        self._state = state
        self._since = datetime.now(UTC)

    def _last_words(self) -> str:
        try:
            with self.plan.log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                lines = deque(log.read().decode("utf-8", "replace").strip().splitlines(), maxlen=1)
        except OSError:
            lines = deque()
        said = f"{lines[0].strip()} " if lines else ""
        return f"{said}({self._last_exit}; see {self.plan.log_file})"


async def start_launched(launch: Launch, log: BinaryIO) -> RunningProcess:
    """Start a program that says nothing by itself, with its output in the log."""
    return await asyncio.create_subprocess_exec(
        *launch.command(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=launch.variables(),
        cwd="/",
        start_new_session=True,
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


async def _poll_ready(is_ready: Callable[[int], bool], pid: int) -> bool:
    pause = READY_POLL_SECONDS
    while not is_ready(pid):
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, READY_POLL_SECONDS_MAX)
    return True


async def _read_ready(descriptor: int) -> bool:
    """Wait until the child writes to the pipe; when it only closes it, wait for its end."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        if await reader.read(1):
            return True
    finally:
        transport.close()
    await asyncio.Event().wait()
    return False
