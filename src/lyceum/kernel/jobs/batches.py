"""Starts and ends of many attempts in one statement each: a durable commit for every job would be the limit."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lyceum.kernel.jobs.claims import Attempt, Claims

RETRY_SECONDS = 1.0


@dataclass(slots=True)
class Starts:
    """Has attempts counted, together those that are about to start just now."""

    claims: Claims
    _waiting: dict[Attempt, asyncio.Future[float | None]] = field(default_factory=dict)
    _any: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, attempt: Attempt) -> float | None:
        """Return how many seconds the job had waited since it was due; None when the attempt may not run any more."""
        started: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._waiting[attempt] = started
        self._any.set()
        return await started

    async def serve(self) -> None:
        """Start what asks for it, until cancelled."""
        while True:
            await self._any.wait()
            self._any.clear()
            waiting, self._waiting = self._waiting, {}
            started = await self.claims.start([attempt for attempt, job in waiting.items() if not job.done()])
            for attempt, job in waiting.items():
                if not job.done():
                    job.set_result(started.get(attempt))


@dataclass(slots=True)
class Finishes:
    """Writes how attempts ended that ended well; `on_written` is then told which jobs are done by it, and which others are
    not, since another has them.
    """

    claims: Claims
    on_written: Callable[[Collection[UUID], Collection[UUID]], None]
    _results: dict[Attempt, str] = field(default_factory=dict)
    _any: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def attempts(self) -> Sequence[Attempt]:
        """Those whose end is yet to be written."""
        return list(self._results)

    def add(self, attempt: Attempt, result: str) -> None:
        """Have an attempt ended with its result, as JSON."""
        self._results[attempt] = result
        self._any.set()

    async def serve(self) -> None:
        """Write what there is, until cancelled; while the database is away it is kept."""
        while True:
            await self._any.wait()
            self._any.clear()
            batch = dict(self._results)
            if not batch:
                continue
            done = await self.claims.finish(batch)
            if done is None:
                await asyncio.sleep(RETRY_SECONDS)
                self._any.set()
                continue
            for attempt in batch:
                del self._results[attempt]
            self.on_written(done, {attempt.job_id for attempt in batch} - done)
