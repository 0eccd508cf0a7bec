"""The supervisor's side of `lyceum.hub.fork_server`: programs forked there, watched here."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lyceum.hub.errors import HubFailed
from lyceum.hub.fork_server import MESSAGE_BYTES_MAX
from lyceum.hub.processes import Launch

# imported before the first fork; nothing here may start a thread when it is imported
SHARED_MODULES = (
    "fastapi.openapi.utils",
    "jinja2",
    "psycopg",
    "redis.asyncio",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.ext.asyncio",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_impl",
    "lyceum.accounts.public",
    "lyceum.kernel.jobs.worker",
    "lyceum.kernel.resources",
    "lyceum.kernel.serving",
)
LOST = -int(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """A module whose `main()` is run in a process of its own; `variables` are laid over the environment."""

    module: str
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    withheld: frozenset[str] = frozenset()

    def message(self) -> bytes:
        """Return the request as the fork server reads it."""
        return json.dumps(
            {
                "run": self.module,
                "arguments": self.arguments,
                "variables": dict(self.variables),
                "withheld": sorted(self.withheld),
            }
        ).encode()


class ForkedProcess:
    """A process forked from the fork server; looks like asyncio's own."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Return its exit code, or the negative number of the signal that killed it."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 for the type checker: it has ended
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal while it runs."""
        if self.returncode is None:
            # it may have ended and been reaped, with the word of that still under way
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, code: int) -> None:
        """Note that it has ended."""
        self.returncode = code
        self._ended.set()


class ForkServer:
    """One running fork server, started again when it has died; what it forked dies with it."""

    def __init__(self, *, shared: tuple[str, ...] = SHARED_MODULES) -> None:
        """Start it; importing what is shared takes it seconds, so this is best done early. Needs no event loop yet."""
        self._shared = shared
        self.since = time.monotonic()
        self._running: dict[int, ForkedProcess] = {}
        self._starting: deque[asyncio.Future[ForkedProcess]] = deque()
        self._listening = False
        self._gave_up = False
        self._start()

    async def fork(self, request: ForkRequest, descriptors: tuple[int, ...]) -> ForkedProcess:
        """Return the running program; its output, errors, readiness and listening socket are the descriptors, as many as it has.

        Raises `HubFailed` when the fork server dies or gives up first, or cannot be asked; that ends no other program.
        """
        if self._gave_up:
            raise _stopping()
        loop = asyncio.get_running_loop()
        if self._process.poll() is not None:
            self.close()
            self._start()
        if not self._listening:
            loop.add_reader(self._channel, self._receive)
            self._listening = True
        try:
            socket.send_fds(self._channel, [request.message()], descriptors)
        except OSError as error:
            # when it has ended, `_receive` hears of that too
            raise HubFailed(f"the fork server could not be asked ({error.strerror}): {self._last_words()}") from error
        started: asyncio.Future[ForkedProcess] = loop.create_future()
        self._starting.append(started)
        return await started

    def give_up(self) -> None:
        """Fork no more programs, and stop waiting for those that have not been forked yet."""
        self._gave_up = True
        for started in self._starting:
            if not started.done():
                started.set_exception(_stopping())

    def close(self) -> None:
        """End the fork server and everything forked from it."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._listening = False
        self._channel.close()
        self._process.kill()
        self._process.wait()
        self._lose_all()

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        # the home is not known yet, and an anonymous file needs none
        self._output = os.memfd_create("fork-server")
        launch = Launch(
            program=(sys.executable, "-P", "-m", "lyceum.hub.fork_server", str(theirs.fileno()), *self._shared),
            death_signal=signal.SIGKILL,
        )
        with theirs:
            self._process = subprocess.Popen(
                launch.command(),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def _receive(self) -> None:
        try:
            message = self._channel.recv(MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._lose_all()
            return
        report: dict[str, Any] = json.loads(message)
        if "started" in report:
            self._note_started(report["started"])
        elif ended := self._running.pop(report["ended"], None):
            ended.end(report["code"])

    def _note_started(self, pid: int) -> None:
        process = ForkedProcess(pid)
        self._running[pid] = process
        started = self._starting.popleft()
        if started.done():
            process.send_signal(signal.SIGKILL)
        else:
            started.set_result(process)

    def _lose_all(self) -> None:
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._channel)
            self._listening = False
        for started in self._starting:
            if not started.done():
                started.set_exception(HubFailed(f"the fork server ended: {self._last_words()}"))
        for process in self._running.values():
            process.end(LOST)
        self._starting.clear()
        self._running.clear()

    def _last_words(self) -> str:
        said = os.pread(self._output, MESSAGE_BYTES_MAX, max(0, os.fstat(self._output).st_size - MESSAGE_BYTES_MAX))
        return (said.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]


def _stopping() -> HubFailed:
    return HubFailed("the hub is stopping")
