"""One attempt at a job inside a worker: it starts, its handler runs where its lane says, and its end is written."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import msgspec

from lyceum.kernel.db import Scope, as_json
from lyceum.kernel.jobs.batches import Finishes, Starts
from lyceum.kernel.jobs.claims import Attempt, ClaimedLane, Claims
from lyceum.kernel.jobs.counts import JobCounts, Outcome
from lyceum.kernel.jobs.ending import LeaseLost
from lyceum.kernel.jobs.entering import enter_attempt
from lyceum.kernel.jobs.failing import failure_of
from lyceum.kernel.jobs.handlers import Handler, Handlers, HeavyHandler, JobRun
from lyceum.kernel.jobs.job_log import JobLog
from lyceum.kernel.jobs.lanes import Lanes
from lyceum.kernel.jobs.news import JobNews
from lyceum.kernel.jobs.solo import run_alone
from lyceum.kernel.problems import Problem
from lyceum.kernel.progress import write_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.tracing import traced

BACKOFF_SECONDS_MAX = 3600.0
WAIT_FOR_ROOM_SECONDS = 30.0

StopReason = Literal["cancel", "lost", "drain"]
_WENT_WRONG: frozenset[Outcome] = frozenset({"failed", "lost"})

log = logging.getLogger(__name__)


class TookTooLong(Problem):
    """The attempt ran longer than its kind may."""

    status = 504
    title = "The job took too long"
    code = "job_took_too_long"


class _NotStarted(Exception):
    """A claimed job was called off before it started, or is somebody else's by now."""


@dataclass(slots=True)
class Running:
    """An attempt in this worker, from its claim on."""

    lane: ClaimedLane
    held_at: float
    """When its lease was last asked for, by the monotonic clock, and then had."""
    task: asyncio.Task[None] | None = None
    stopping: StopReason | None = None
    begun: bool = False
    started_at: float | None = None
    ending: bool = False
    waited_seconds: float = 0.0

    def stop(self, reason: StopReason) -> None:
        """Have the handler stopped, unless its end is being written or another reason came first."""
        if self.ending or self.stopping is not None:
            return
        self.stopping = reason
        # A task cancelled before its first step would never run, and so never tell how it ended.
        if self.begun and self.task is not None:
            self.task.cancel()


@dataclass(frozen=True, slots=True)
class Attempts:
    """What an attempt needs of its worker."""

    resources: Resources
    handlers: Handlers
    lanes: Lanes
    claims: Claims
    starts: Starts
    finishes: Finishes
    job_log: JobLog
    counts: JobCounts
    news: JobNews

    async def run(self, row: Any, entry: Running) -> None:
        """Run a claimed row to its end, whatever that is."""
        entry.begun = True
        run = JobRun(
            job_id=row.id,
            attempt=row.attempt,
            worker_id=self.claims.worker_id,
            scope=Scope(org_id=row.org_id, user_id=row.owner_id),
            resources=self.resources,
            report_progress=lambda fraction, note: write_progress(
                self.resources.line, row.id, fraction, note, news=self.news
            ),
        )
        enter_attempt(run, kind=row.kind, origin=row.origin)
        with self.job_log.of_attempt(row.id, row.attempt), traced(f"job {row.kind}", kind="consumer") as span:
            outcome = await self._outcome(run, entry, row)
            if span is not None:
                span.note({"lyceum.outcome": outcome, "lyceum.lane": entry.lane})
                span.failure = outcome if outcome in _WENT_WRONG else None
        if entry.started_at is None:
            return
        ran_seconds = time.monotonic() - entry.started_at
        self.counts.add(row.kind, row.job_class, outcome, waited_seconds=entry.waited_seconds, ran_seconds=ran_seconds)
        # one that ran for a moment on the loop is told of by its counts alone
        level = logging.DEBUG if entry.lane == "light" else logging.INFO
        facts = {"attempt": run.attempt, "outcome": outcome, "seconds": round(ran_seconds, 3)}
        log.log(level, "attempt ended", extra=facts)

    async def _outcome(self, run: JobRun, entry: Running, row: Any) -> Outcome:
        try:
            if entry.stopping is None:
                await self._handle(run, entry, row)
                return "done"
        except asyncio.CancelledError:
            if entry.stopping is None:
                raise
        except LeaseLost:
            log.warning("job lost its lease; whoever holds it goes on", extra={"attempt": run.attempt})
            self.news.stopped(run.job_id, None, None)
            return "lost"
        except _NotStarted:
            entry.stopping = entry.stopping or "cancel"
        except Exception as error:  # noqa: BLE001 whatever a handler raises ends its attempt
            entry.ending = True
            await self._failed(run, self.handlers.by_kind[row.kind], error)
            return "failed"
        entry.ending = True
        return await self._stopped(run, entry.stopping)

    async def _handle(self, run: JobRun, entry: Running, row: Any) -> None:
        handler = self.handlers.by_kind[row.kind]
        if handler.args_type.needs_room:
            self.resources.disk.refuse_when_low()
        # those that the database adds itself, and those of an older release, know of no limit
        seconds_max = row.seconds_max or handler.args_type.seconds_max
        if isinstance(handler, HeavyHandler):
            runner = self.lanes.runners[handler.args_type.lane]
            async with runner.room:
                await self._start(run, entry)
                async with _within(seconds_max):
                    await runner.run(handler, run, msgspec.convert(row.args, handler.args_type))
            self.news.stopped(run.job_id, run.scope.org_id, "done")
            return
        await self._start(run, entry)
        async with _within(seconds_max):
            if entry.lane == "solo":
                limit = self.lanes.solo_memory_bytes_max
                result = await run_alone(run, row.kind, row.args, memory_bytes_max=limit)
            else:
                result = await handler.run(run, msgspec.convert(row.args, handler.args_type))
        # An answer that cannot be kept fails its own attempt here, not a whole batch later.
        self.finishes.add(Attempt(run.job_id, run.attempt), as_json(msgspec.to_builtins(result)))

    async def _start(self, run: JobRun, entry: Running) -> None:
        waited = await self.starts.start(Attempt(run.job_id, run.attempt))
        if waited is None:
            raise _NotStarted
        entry.waited_seconds = max(0.0, waited)
        entry.started_at = time.monotonic()
        self.news.started(run.job_id, run.scope.org_id, is_light=entry.lane == "light")

    async def _stopped(self, run: JobRun, reason: StopReason) -> Outcome:
        log.info("job stopped", extra={"attempt": run.attempt, "reason": reason})
        state = None
        if reason == "cancel":
            state = await self.claims.cancelled(Attempt(run.job_id, run.attempt))
        elif reason == "drain":
            state = await self.claims.give_back(Attempt(run.job_id, run.attempt))
        self.news.stopped(run.job_id, run.scope.org_id, state)
        if state is None:
            return "lost"
        return "cancelled" if state == "cancelled" else "given_back"

    async def _failed(self, run: JobRun, handler: Handler, error: Exception) -> None:
        failure = failure_of(error, attempt=run.attempt)
        # Asked anew: what a job had filled by itself is free by now, and it is to try that only so often.
        if not failure.is_final and handler.args_type.needs_room and self.resources.disk.look().is_low:
            later = timedelta(seconds=WAIT_FOR_ROOM_SECONDS * _jitter())
            state = await self.claims.postpone(Attempt(run.job_id, run.attempt), failure.problem, later)
        else:
            again_in = None if failure.is_final else _backoff(run.attempt)
            state = await self.claims.fail(Attempt(run.job_id, run.attempt), failure.problem, again_in)
        self.news.stopped(run.job_id, run.scope.org_id, state)


@asynccontextmanager
async def _within(seconds_max: int | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds_max) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise TookTooLong(f"The job ran longer than the {seconds_max} seconds it may take.") from None


def _backoff(attempt: int) -> timedelta:
    return timedelta(seconds=min(BACKOFF_SECONDS_MAX, 2.0**attempt) * _jitter())


def _jitter() -> float:
    return random.uniform(0.5, 1.5)  # noqa: S311 spreads retries, hides nothing
