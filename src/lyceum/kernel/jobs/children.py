"""Children as a worker holds them: one that computes below its guard, and those that rest between two jobs."""

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from lyceum.kernel.jobs.child import FRAME_BYTES_MAX, frame
from lyceum.kernel.jobs.guarded import end_of
from lyceum.kernel.problems import Problem


class ChildFailed(Problem):
    """The child ended without a verdict: killed, crashed, or stopped by an error of its own. It may be tried again."""

    title = "The computing of this job failed"
    code = "job_failed"


@dataclass(slots=True)
class Child:
    """A process that computes, and its guard."""

    guard: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_there(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self.guard.returncode is None and not self.reader.at_eof()

    async def read(self) -> dict[str, Any] | None:
        """Return its next message, None when it says no more; raises `ChildFailed` for one that is too large."""
        try:
            size = int.from_bytes(await self.reader.readexactly(4), "big")
            if size > FRAME_BYTES_MAX:
                raise ChildFailed(f"The child sent a message of {size} bytes.")
            return msgspec.msgpack.decode(await self.reader.readexactly(size))  # type: ignore[no-any-return]
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def send(self, message: dict[str, Any]) -> None:
        """Tell it something; one that has ended hears nothing."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(frame(message))
            await self.writer.drain()

    def tell(self, number: signal.Signals) -> None:
        """Send its guard a signal."""
        with contextlib.suppress(ProcessLookupError):
            self.guard.send_signal(number)

    async def end(self) -> int:
        """End the child and all it has started; return the exit code of its guard."""
        self.writer.close()
        return await end_of(self.guard)


@dataclass(slots=True, eq=False)
class _Rest:
    org_id: UUID | None
    child: Child
    clock: asyncio.Task[None]


@dataclass(slots=True)
class RestingChildren:
    """Children that have done a job, for the next one of the same organisation: none computes for two of them."""

    seconds_max: float
    _rests: list[_Rest] = field(default_factory=list)
    """The one that has rested longest comes first."""
    _ending: set[asyncio.Task[int]] = field(default_factory=set)

    def put(self, org_id: UUID | None, child: Child) -> None:
        """Have a child rest, and end it when nothing comes for it in time."""
        self._rests.append(_Rest(org_id, child, asyncio.create_task(self._end_in_time(child))))

    def take(self, org_id: UUID | None) -> Child | None:
        """Return a child that has computed for this organisation alone, if one rests."""
        for rest in reversed(self._rests):
            if rest.org_id == org_id:
                self._wake(rest)
                if rest.child.is_there:
                    return rest.child
                self._end(rest.child)
        return None

    def leave(self, count: int) -> None:
        """Let no more than so many rest on; those that have rested longest are ended."""
        while len(self._rests) > max(0, count):
            rest = self._rests[0]
            self._wake(rest)
            self._end(rest.child)

    async def end_all(self) -> None:
        """End all of them, and return when they have ended."""
        self.leave(0)
        await asyncio.gather(*self._ending)

    def _wake(self, rest: _Rest) -> None:
        rest.clock.cancel()
        self._rests = [other for other in self._rests if other is not rest]

    def _end(self, child: Child) -> None:
        ending = asyncio.create_task(child.end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end_in_time(self, child: Child) -> None:
        await asyncio.sleep(self.seconds_max)
        self._rests = [rest for rest in self._rests if rest.child is not child]
        self._end(child)
