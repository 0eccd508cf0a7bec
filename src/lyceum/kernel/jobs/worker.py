"""A worker: claims jobs in batches, runs each as its organisation, keeps its leases alive, and gives back on stop.

Light jobs are tasks on this loop; heavy ones compute in child processes of their own (`heavy.py`).
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import Scope, as_json
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Attempt, Claims, Lane
from lyceum.kernel.jobs.ending import LeaseLost
from lyceum.kernel.jobs.handlers import Handlers, HeavyHandler, JobRefused, JobRun
from lyceum.kernel.jobs.heavy import HeavyRunner, children_that_fit
from lyceum.kernel.jobs.queue import CANCEL_CHANNEL, WAKE_CHANNEL, JobArgs
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.problems import Problem
from lyceum.kernel.progress import write_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.stopping import WORKER_CLOSE_SECONDS_MAX, WORKER_DRAIN_SECONDS, WORKER_END_SECONDS_MAX
from lyceum.kernel.telemetry import log_context

POLL_SECONDS = 1.0
SHORT_CHILDREN_MAX = 2
BEAT_SECONDS_MAX = 2.0
STOPS_POLL_SECONDS = 0.4
BACKOFF_SECONDS_MAX = 3600.0
LISTEN_PAUSE_SECONDS_MAX = 30.0

StopReason = Literal["cancel", "lost", "drain"]

log = logging.getLogger(__name__)


class _NotStarted(Exception):
    """A claimed job was called off before it started, or is somebody else's by now."""


@dataclass(slots=True)
class _Running:
    lane: Lane
    task: asyncio.Task[None] | None = None
    stopping: StopReason | None = None
    begun: bool = False
    started: bool = False
    ending: bool = False

    def stop(self, reason: StopReason) -> None:
        """Have the handler stopped, unless its end is being written or another reason came first."""
        if self.ending or self.stopping is not None:
            return
        self.stopping = reason
        # A task cancelled before its first step would never run, and so never tell how it ended.
        if self.begun and self.task is not None:
            self.task.cancel()


@dataclass(slots=True)
class Worker:
    """One worker process. `run` serves until `stop` is set, then drains."""

    resources: Resources
    handlers: Handlers
    light_slots: int
    heavy_slots: int
    lease_seconds: float
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    worker_id: UUID = field(default_factory=new_id)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[Attempt, _Running] = field(default_factory=dict)
    _waiting: dict[Attempt, asyncio.Future[bool]] = field(default_factory=dict)
    _begin: asyncio.Event = field(default_factory=asyncio.Event)
    _finished: dict[Attempt, str] = field(default_factory=dict)
    _flush: asyncio.Event = field(default_factory=asyncio.Event)
    _runners: dict[bool, HeavyRunner] = field(init=False)
    _claims: Claims = field(init=False)

    def __post_init__(self) -> None:
        wanted = ((False, SHORT_CHILDREN_MAX), (True, self.heavy_slots))
        self._runners = {
            heavy: self._runner(computing, heavy=heavy, wanted=at_once)
            for heavy, at_once in wanted
            if (computing := self.handlers.computing(heavy=heavy)) and at_once
        }
        self._claims = Claims(
            self.resources.database, self.worker_id, self._kinds(), timedelta(seconds=self.lease_seconds)
        )

    def _runner(self, computing: list[HeavyHandler], *, heavy: bool, wanted: int) -> HeavyRunner:
        settings = self.resources.settings
        at_once, memory_bytes_max = wanted, settings.worker_heavy_memory_bytes_max
        if not memory_bytes_max:
            at_once, memory_bytes_max = children_that_fit(heavy=heavy, wanted=wanted, workers=settings.worker_processes)
        if at_once < wanted:
            facts = {"heavy": heavy, "wanted": wanted, "at_once": at_once}
            log.info("the memory is too small for as many computing jobs at once as there are slots", extra=facts)
        return HeavyRunner(
            preload=tuple(dict.fromkeys(module for handler in computing for module in handler.preload)),
            at_once=at_once,
            memory_bytes_max=memory_bytes_max,
        )

    def _kinds(self) -> list[str]:
        return [
            kind
            for kind, handler in self.handlers.by_kind.items()
            if not isinstance(handler, HeavyHandler) or handler.args_type.heavy in self._runners
        ]

    async def run(self, *, ready: asyncio.Event | None = None) -> None:
        """Serve until `stop` is set; then let what runs end for a while and give back the rest.

        Raises whatever ends one of its loops: a worker that no longer keeps its leases must not go on.
        """
        try:
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(loop) for loop in self._loops()]
                if ready is not None:
                    ready.set()
                await self._serve()
                await self._drain()
                for loop in loops:
                    loop.cancel()
        finally:
            await self._close_spares()

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        loops = [
            self._listen(),
            self._keep_leases(),
            self._watch_stops(),
            self._start_in_batches(),
            self._finish_in_batches(),
            self._stop_waiting(),
        ]
        return [*loops, *(runner.keep_spare() for runner in self._runners.values())]

    async def _serve(self) -> None:
        while not self.stop.is_set():
            if not await self._claim():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS * random.uniform(0.8, 1.2)):  # noqa: S311 jitter
                        await self._wake.wait()
            self._wake.clear()

    async def _stop_waiting(self) -> None:
        await self.stop.wait()
        self._wake.set()

    async def _claim(self) -> bool:
        """Take what there are slots for; return whether a slot may still be free with work waiting."""
        slots: dict[Lane, int] = {
            "light": self.light_slots - len(self._finished),
            "short": self._children_max(SHORT_CHILDREN_MAX, heavy=False),
            "heavy": self._children_max(self.heavy_slots, heavy=True),
        }
        taken = 0
        for lane, at_most in slots.items():
            free = at_most - sum(running.lane == lane for running in self._running.values())
            if free > 0:
                try:
                    taken += await self._take(lane, free)
                except (SQLAlchemyError, OSError) as error:
                    log.warning("the queue cannot be reached; trying again", extra={"cause": str(error)})
                    return False
        return taken > 0

    def _children_max(self, slots: int, *, heavy: bool) -> int:
        runner = self._runners.get(heavy)
        return runner.at_once if runner is not None else slots

    async def _take(self, lane: Lane, slots: int) -> int:
        claimed = await self._claims.claim(lane, slots)
        for row in claimed:
            # An attempt that still runs here lost its lease, or there would have been nothing to claim.
            self._stop_job(row.id, "lost")
            entry = _Running(lane)
            self._running[Attempt(row.id, row.attempt)] = entry
            entry.task = asyncio.create_task(self._run_one(row, entry))
        return len(claimed)

    async def _run_one(self, row: Any, entry: _Running) -> None:
        entry.begun = True
        log_context.set({"job_id": str(row.id), "kind": row.kind})
        attempt = Attempt(row.id, row.attempt)
        run = JobRun(
            job_id=row.id,
            attempt=row.attempt,
            worker_id=self.worker_id,
            scope=Scope(org_id=row.org_id, user_id=row.owner_id),
            resources=self.resources,
            report_progress=lambda fraction, note: write_progress(self.resources.valkey, row.id, fraction, note),
        )
        try:
            await self._attempt(run, entry, row.kind, row.args)
        finally:
            if self._running.get(attempt) is entry:
                del self._running[attempt]
            self._wake.set()

    async def _attempt(self, run: JobRun, entry: _Running, kind: str, raw_args: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            if entry.stopping is None:
                await self._handle(run, entry, kind, raw_args)
                log.info("job done", extra={"attempt": run.attempt, "seconds": round(time.monotonic() - began, 3)})
                return
        except asyncio.CancelledError:
            if entry.stopping is None:
                raise
        except LeaseLost:
            log.warning("job lost its lease; whoever holds it goes on", extra={"attempt": run.attempt})
            return
        except _NotStarted:
            entry.stopping = entry.stopping or "cancel"
        except Exception as error:  # noqa: BLE001 whatever a handler raises ends its attempt
            entry.ending = True
            await self._failed(run, error)
            return
        entry.ending = True
        await self._stopped(run, entry.stopping)

    async def _handle(self, run: JobRun, entry: _Running, kind: str, raw_args: dict[str, Any]) -> None:
        handler = self.handlers.by_kind[kind]
        if isinstance(handler, HeavyHandler):
            runner = self._runners[handler.args_type.heavy]
            async with runner.room:
                await self._start(run, entry)
                await runner.run(handler, run, msgspec.convert(raw_args, handler.args_type))
            return
        await self._start(run, entry)
        args: JobArgs = msgspec.convert(raw_args, handler.args_type)
        result = await handler.run(run, args)
        # An answer that cannot be kept fails its own attempt here, not a whole batch later.
        self._finished[Attempt(run.job_id, run.attempt)] = as_json(msgspec.to_builtins(result))
        self._flush.set()

    async def _start(self, run: JobRun, entry: _Running) -> None:
        """Have the attempt counted, together with those that start just now; raises `_NotStarted`."""
        started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[Attempt(run.job_id, run.attempt)] = started
        self._begin.set()
        if not await started:
            raise _NotStarted
        entry.started = True

    async def _start_in_batches(self) -> None:
        while True:
            await self._begin.wait()
            self._begin.clear()
            waiting, self._waiting = self._waiting, {}
            started = await self._claims.start([attempt for attempt, job in waiting.items() if not job.done()])
            for attempt, job in waiting.items():
                if not job.done():
                    job.set_result(attempt in started)

    async def _stopped(self, run: JobRun, reason: StopReason | None) -> None:
        log.info("job stopped", extra={"attempt": run.attempt, "reason": reason})
        if reason == "cancel":
            await self._claims.cancelled(Attempt(run.job_id, run.attempt))
        elif reason == "drain":
            await self._claims.give_back(Attempt(run.job_id, run.attempt))

    async def _failed(self, run: JobRun, error: Exception) -> None:
        refused = isinstance(error, JobRefused) or (isinstance(error, Problem) and error.status < 500)
        problem = error.problem if isinstance(error, JobRefused) else error
        if isinstance(problem, Problem):
            failure = problem.body()
            log.warning("job failed", extra={"attempt": run.attempt, "code": problem.code, "cause": problem.detail})
        else:
            failure = {"code": "job_failed", "detail": f"{type(error).__name__}: the hub's log has the cause."}
            log.error("job failed", extra={"attempt": run.attempt}, exc_info=error)
        await self._claims.fail(Attempt(run.job_id, run.attempt), failure, None if refused else _backoff(run.attempt))

    async def _finish_in_batches(self) -> None:
        while True:
            await self._flush.wait()
            self._flush.clear()
            batch = dict(self._finished)
            if not batch:
                continue
            if not await self._claims.finish(batch):
                await asyncio.sleep(POLL_SECONDS)
                self._flush.set()
                continue
            for attempt in batch:
                del self._finished[attempt]
            self._wake.set()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(min(BEAT_SECONDS_MAX, self.lease_seconds / 4))
            asked = dict(self._running)
            try:
                verdicts, reaped = await self._claims.beat([*asked, *self._finished])
            except (SQLAlchemyError, OSError) as error:
                log.warning("leases could not be extended", extra={"cause": str(error)})
                continue
            for attempt, verdict in verdicts.items():
                entry = asked.get(attempt)
                # given back and claimed anew, an attempt keeps its number: the verdict was about what ran before
                if entry is not None and self._running.get(attempt) is entry:
                    entry.stop(verdict)
            if reaped:
                log.warning("jobs of silent workers taken back", extra={"jobs": reaped})
                self._wake.set()

    async def _watch_stops(self) -> None:
        """Look for jobs that were called off, which is how one learns of it where notifications do not come through."""
        while True:
            await asyncio.sleep(STOPS_POLL_SECONDS)
            if not self._running:
                continue
            try:
                called_off = await self._claims.called_off()
            except (SQLAlchemyError, OSError):
                continue
            for job_id in called_off:
                self._stop_job(job_id, "cancel")

    def _stop_job(self, job_id: UUID, reason: StopReason) -> None:
        for attempt, running in list(self._running.items()):
            if attempt.job_id == job_id:
                running.stop(reason)

    async def _listen(self) -> None:
        settings = self.resources.settings
        url = settings.database_direct_url or settings.database_url
        if url is None:
            raise AssertionError("resources are opened with a database")
        pause = POLL_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._listen_once(libpq_url(url.get_secret_value()))
            except (psycopg.Error, OSError) as error:
                log.warning("not listening for new jobs; looking every second", extra={"cause": str(error)})
            pause = POLL_SECONDS if time.monotonic() - began > LISTEN_PAUSE_SECONDS_MAX else pause * 2
            await asyncio.sleep(min(pause, LISTEN_PAUSE_SECONDS_MAX))

    async def _listen_once(self, url: str) -> None:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5)
        async with connection:
            await connection.execute(f"LISTEN {WAKE_CHANNEL}")
            await connection.execute(f"LISTEN {CANCEL_CHANNEL}")
            self._wake.set()
            async for notice in connection.notifies():
                if notice.channel == WAKE_CHANNEL:
                    self._wake.set()
                    continue
                with contextlib.suppress(ValueError):
                    self._stop_job(UUID(notice.payload), "cancel")

    async def _drain(self) -> None:
        """Give back at once what is heavy or has not started, the others after a while, and write how the rest ended."""
        for running in self._running.values():
            if running.lane == "heavy" or not running.started:
                running.stop("drain")
        await self._wait_for_tasks(WORKER_DRAIN_SECONDS)
        for running in self._running.values():
            running.stop("drain")
        await self._wait_for_tasks(WORKER_END_SECONDS_MAX)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WORKER_END_SECONDS_MAX):
                while self._finished:
                    self._wake.clear()
                    self._flush.set()
                    await self._wake.wait()

    async def _close_spares(self) -> None:
        try:
            async with asyncio.timeout(WORKER_CLOSE_SECONDS_MAX):
                await asyncio.gather(*(runner.close() for runner in self._runners.values()))
        except TimeoutError:
            log.warning("spare child processes do not end in time; their guards end them after this worker")

    async def _wait_for_tasks(self, seconds: float) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


def _backoff(attempt: int) -> timedelta:
    jitter = random.uniform(0.5, 1.5)  # noqa: S311 spreads retries, hides nothing
    return timedelta(seconds=min(BACKOFF_SECONDS_MAX, 2.0**attempt) * jitter)
