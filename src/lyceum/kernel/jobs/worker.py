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
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import NOBODY, Scope, as_json
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.ending import FINISH, LeaseLost
from lyceum.kernel.jobs.handlers import Handlers, HeavyHandler, JobRefused, JobRun
from lyceum.kernel.jobs.heavy import HeavyRunner
from lyceum.kernel.jobs.queue import CANCEL_CHANNEL, WAKE_CHANNEL, JobArgs
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.problems import Problem
from lyceum.kernel.progress import write_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.stopping import WORKER_DRAIN_SECONDS, WORKER_END_SECONDS_MAX
from lyceum.kernel.telemetry import log_context
from lyceum.kernel.tx import ride_out, transaction

POLL_SECONDS = 1.0
SHORT_CHILDREN_MAX = 2
BEAT_SECONDS_MAX = 2.0
STOPS_POLL_SECONDS = 0.4
BACKOFF_SECONDS_MAX = 3600.0
LISTEN_PAUSE_SECONDS_MAX = 30.0

_CLAIM = text("SELECT id, org_id, owner_id, kind, args FROM definer.jobs_claim(:worker, :slots, :heavy, :lease)")
_START = text("SELECT id, attempt FROM definer.jobs_start(:worker, :ids)")
_BEAT = text("SELECT id, verdict FROM definer.jobs_heartbeat(:worker, :ids, :attempts, :lease)")
_STOPS = text("SELECT * FROM definer.jobs_to_stop(:worker) AS id")
_REAP = text("SELECT id, state FROM definer.jobs_reap()")
_CANCELLED = text("SELECT * FROM definer.jobs_cancelled(:worker, :id, :attempt)")
_GIVE_BACK = text("SELECT definer.jobs_give_back(:worker, :id, :attempt)")
_FAIL = text("SELECT definer.jobs_fail(:worker, :id, :attempt, CAST(:failure AS jsonb), :again_at)")

StopReason = Literal["cancel", "lost", "drain"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    attempt: int
    heavy: bool
    task: asyncio.Task[None] | None = None
    stopping: StopReason | None = None
    begun: bool = False
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
class _Finished:
    attempt: int
    result_json: str


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
    _running: dict[UUID, _Running] = field(default_factory=dict)
    _finished: dict[UUID, _Finished] = field(default_factory=dict)
    _flush: asyncio.Event = field(default_factory=asyncio.Event)
    _runners: dict[bool, HeavyRunner] = field(init=False)

    def __post_init__(self) -> None:
        memory = self.resources.settings.worker_heavy_memory_bytes_max
        self._runners = {
            heavy: HeavyRunner(
                preload=tuple(dict.fromkeys(module for handler in computing for module in handler.preload)),
                at_once=at_once,
                memory_bytes_max=memory,
            )
            for heavy, at_once in ((False, SHORT_CHILDREN_MAX), (True, self.heavy_slots))
            if (computing := self.handlers.computing(heavy=heavy)) and at_once
        }

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
            for runner in self._runners.values():
                await runner.close()

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        loops = [
            self._listen(),
            self._keep_leases(),
            self._watch_stops(),
            self._finish_in_batches(),
            self._stop_waiting(),
        ]
        return [*loops, *(runner.keep_spare() for runner in self._runners.values())]

    async def _serve(self) -> None:
        while not self.stop.is_set():
            if not await self._claim():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 jitter
            self._wake.clear()

    async def _stop_waiting(self) -> None:
        await self.stop.wait()
        self._wake.set()

    async def _claim(self) -> bool:
        """Take what there are slots for; return whether a slot may still be free with work waiting."""
        light_free = self.light_slots - sum(not r.heavy for r in self._running.values()) - len(self._finished)
        heavy_free = self.heavy_slots - sum(r.heavy for r in self._running.values())
        started = 0
        for slots, heavy in ((light_free, False), (heavy_free, True)):
            if slots > 0:
                try:
                    started += await self._claim_and_start(slots, heavy=heavy)
                except (SQLAlchemyError, OSError) as error:
                    log.warning("the queue cannot be reached; trying again", extra={"cause": str(error)})
                    return False
        return started > 0

    async def _claim_and_start(self, slots: int, *, heavy: bool) -> int:
        wanted = {"worker": self.worker_id, "slots": slots, "heavy": heavy, "lease": self._lease}
        async with transaction(self.resources.database, NOBODY) as tx:
            claimed = (await tx.execute(_CLAIM, wanted)).all()
            if not claimed:
                return 0
            started = await tx.execute(_START, {"worker": self.worker_id, "ids": [row.id for row in claimed]})
            attempts = {row.id: row.attempt for row in started}
        for row in claimed:
            if row.id in attempts:
                entry = _Running(attempt=attempts[row.id], heavy=heavy)
                self._running[row.id] = entry
                entry.task = asyncio.create_task(self._run_one(row, entry))
        return len(claimed)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    async def _run_one(self, row: Any, entry: _Running) -> None:
        entry.begun = True
        log_context.set({"job_id": str(row.id), "kind": row.kind})
        run = JobRun(
            job_id=row.id,
            attempt=entry.attempt,
            worker_id=self.worker_id,
            scope=Scope(org_id=row.org_id, user_id=row.owner_id),
            resources=self.resources,
            report_progress=lambda fraction, note: write_progress(self.resources.valkey, row.id, fraction, note),
        )
        try:
            await self._attempt(run, entry, row.kind, row.args)
        finally:
            self._running.pop(row.id, None)
            self._wake.set()

    async def _attempt(self, run: JobRun, entry: _Running, kind: str, raw_args: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            if entry.stopping is None:
                await self._handle(run, kind, raw_args)
                log.info("job done", extra={"attempt": run.attempt, "seconds": round(time.monotonic() - began, 3)})
                return
        except asyncio.CancelledError:
            if entry.stopping is None:
                raise
        except LeaseLost:
            log.warning("job lost its lease; whoever holds it goes on", extra={"attempt": run.attempt})
            return
        except Exception as error:  # noqa: BLE001 whatever a handler raises ends its attempt
            entry.ending = True
            await self._failed(run, error)
            return
        entry.ending = True
        await self._stopped(run, entry.stopping)

    async def _handle(self, run: JobRun, kind: str, raw_args: dict[str, Any]) -> None:
        handler = self.handlers.by_kind.get(kind)
        if handler is None:
            raise JobRefused(Problem(f"This worker knows no jobs of kind {kind}; is it of an older release?"))
        args: JobArgs = msgspec.convert(raw_args, handler.args_type)
        if isinstance(handler, HeavyHandler):
            await self._runners[args.heavy].run(handler, run, args)
            return
        result = await handler.run(run, args)
        # An answer that cannot be kept fails its own attempt here, not a whole batch later.
        self._finished[run.job_id] = _Finished(run.attempt, as_json(msgspec.to_builtins(result)))
        self._flush.set()

    async def _stopped(self, run: JobRun, reason: StopReason | None) -> None:
        log.info("job stopped", extra={"attempt": run.attempt, "reason": reason})
        if reason == "cancel":
            await self._write(_CANCELLED, self._held_by(run))
        elif reason == "drain":
            await self._write(_GIVE_BACK, self._held_by(run))

    def _held_by(self, run: JobRun) -> dict[str, Any]:
        return {"worker": self.worker_id, "id": run.job_id, "attempt": run.attempt}

    async def _failed(self, run: JobRun, error: Exception) -> None:
        refused = isinstance(error, JobRefused) or (isinstance(error, Problem) and error.status < 500)
        problem = error.problem if isinstance(error, JobRefused) else error
        if isinstance(problem, Problem):
            failure = problem.body()
            log.warning("job failed", extra={"attempt": run.attempt, "code": problem.code, "cause": problem.detail})
        else:
            failure = {"code": "job_failed", "detail": f"{type(error).__name__}: the hub's log has the cause."}
            log.error("job failed", extra={"attempt": run.attempt}, exc_info=error)
        again_at = None if refused else datetime.now(UTC) + _backoff(run.attempt)
        written = {"failure": as_json(failure), "again_at": again_at}
        await self._write(_FAIL, self._held_by(run) | written)

    async def _write(self, statement: TextClause, values: dict[str, Any]) -> None:
        """Write a job's end; when the database stays away the lease runs out and another worker decides."""
        try:
            await ride_out(lambda: self._execute(statement, values))
        except (SQLAlchemyError, OSError) as error:
            log.warning("a job's end could not be written; its lease will run out", extra={"cause": str(error)})

    async def _execute(self, statement: TextClause, values: dict[str, Any]) -> None:
        async with transaction(self.resources.database, NOBODY) as tx:
            await tx.execute(statement, values)

    async def _finish_in_batches(self) -> None:
        while True:
            await self._flush.wait()
            self._flush.clear()
            batch = dict(self._finished)
            if not batch:
                continue
            values = {
                "worker": self.worker_id,
                "ids": list(batch),
                "attempts": [f.attempt for f in batch.values()],
                "results": [f.result_json for f in batch.values()],
            }
            await self._write(FINISH, values)
            for job_id in batch:
                del self._finished[job_id]
            self._wake.set()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(min(BEAT_SECONDS_MAX, self.lease_seconds / 4))
            held = self._held()
            beat = {
                "worker": self.worker_id,
                "ids": list(held),
                "attempts": list(held.values()),
                "lease": self._lease,
            }
            try:
                async with transaction(self.resources.database, NOBODY) as tx:
                    verdicts = (await tx.execute(_BEAT, beat)).all() if held else []
                    reaped = (await tx.execute(_REAP)).all()
            except (SQLAlchemyError, OSError) as error:
                log.warning("leases could not be extended", extra={"cause": str(error)})
                continue
            for row in verdicts:
                self._stop_job(row.id, row.verdict)
            if reaped:
                log.warning("jobs of silent workers taken back", extra={"jobs": len(reaped)})
                self._wake.set()

    async def _watch_stops(self) -> None:
        """Look for jobs that were called off, which is how one learns of it where notifications do not come through."""
        while True:
            await asyncio.sleep(STOPS_POLL_SECONDS)
            if not self._running:
                continue
            try:
                async with transaction(self.resources.database, NOBODY) as tx:
                    stops = (await tx.execute(_STOPS, {"worker": self.worker_id})).scalars().all()
            except (SQLAlchemyError, OSError):
                continue
            for job_id in stops:
                self._stop_job(job_id, "cancel")

    def _held(self) -> dict[UUID, int]:
        held = {job_id: running.attempt for job_id, running in self._running.items()}
        return held | {job_id: finished.attempt for job_id, finished in self._finished.items()}

    def _stop_job(self, job_id: UUID, reason: StopReason) -> None:
        running = self._running.get(job_id)
        if running is not None:
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
        """Give heavy jobs back at once, light ones after a while, and write how those that ended have ended."""
        for running in self._running.values():
            if running.heavy:
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

    async def _wait_for_tasks(self, seconds: float) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


def _backoff(attempt: int) -> timedelta:
    jitter = random.uniform(0.5, 1.5)  # noqa: S311 spreads retries, hides nothing
    return timedelta(seconds=min(BACKOFF_SECONDS_MAX, 2.0**attempt) * jitter)
