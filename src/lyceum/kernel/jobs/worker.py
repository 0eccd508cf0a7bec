"""A worker: claims jobs in batches, runs each as its organisation, keeps its leases alive, and gives back on stop.

Light jobs are tasks on this loop; heavy and short ones compute in child processes of their own (`heavy.py`), and one whose
worker died runs alone (`solo.py`).
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import connect_directly
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.attempts import Attempts, Running, StopReason
from lyceum.kernel.jobs.batches import Finishes, Starts
from lyceum.kernel.jobs.claims import Attempt, ClaimedLane, Claims, Wanted
from lyceum.kernel.jobs.counts import JobCounts
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.job_log import JobLog, hear_attempts
from lyceum.kernel.jobs.lanes import Lanes
from lyceum.kernel.jobs.news import JobNews
from lyceum.kernel.jobs.presence import TELL_SECONDS, end_presence, tell_presence
from lyceum.kernel.jobs.queue import CANCEL_CHANNEL, WAKE_CHANNEL
from lyceum.kernel.jobs.reaper import LOOK_SECONDS, Reaper
from lyceum.kernel.jobs.writing import write_now_and_then
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.resources import Resources
from lyceum.kernel.stopping import (
    WORKER_CLOSE_SECONDS_MAX,
    WORKER_DRAIN_SECONDS,
    WORKER_END_SECONDS_MAX,
    WORKER_LAST_WORDS_SECONDS_MAX,
)
from lyceum.kernel.telemetry import SeldomSaid

POLL_SECONDS = 1.0
BEAT_SECONDS_MAX = 2.0
STOPS_POLL_SECONDS = 0.4
HELD_SHARE = 2 / 3
"""Of a lease: where it could not be extended for so long, nothing runs on under it, as another worker may take over soon."""
COUNTS_EVERY_SECONDS = 2.0
LISTEN_PAUSE_SECONDS_MAX = 30.0

log = logging.getLogger(__name__)


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
    lanes: Lanes = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[Attempt, Running] = field(default_factory=dict)
    _beating: asyncio.Lock = field(default_factory=asyncio.Lock)
    _claims: Claims = field(init=False)
    _starts: Starts = field(init=False)
    _finishes: Finishes = field(init=False)
    _attempts: Attempts = field(init=False)
    _reaper: Reaper = field(init=False)
    _job_log: JobLog = field(init=False)
    _news: JobNews = field(init=False)
    _counts: JobCounts = field(default_factory=JobCounts)
    _seldom: SeldomSaid = field(default_factory=lambda: SeldomSaid(log))

    @classmethod
    def configured(cls, resources: Resources, handlers: Handlers) -> Self:
        """Return a worker with the slots and the lease that the settings name."""
        settings = resources.settings
        return cls(
            resources=resources,
            handlers=handlers,
            light_slots=settings.worker_light_slots,
            heavy_slots=settings.worker_heavy_slots,
            lease_seconds=settings.job_lease_seconds,
        )

    def __post_init__(self) -> None:
        settings, database = self.resources.settings, self.resources.database
        lease = timedelta(seconds=self.lease_seconds)
        self.lanes = Lanes.of(self.handlers, settings, light_slots=self.light_slots, heavy_slots=self.heavy_slots)
        wanted = Wanted(
            kinds=self.lanes.kinds(self.handlers),
            classes=settings.worker_classes,
            # what only few workers may take comes before what any may
            labels=(*settings.worker_labels, ""),
            at_once_max={"heavy": settings.worker_heavy_at_once_an_organisation_max},
        )
        self._claims = Claims(database, self.worker_id, wanted, lease)
        self._starts = Starts(self._claims)
        self._news = JobNews(self.resources.line)
        self._finishes = Finishes(self._claims, self._written)
        self._reaper = Reaper(database, lease)
        self._job_log = JobLog(database)
        self._attempts = Attempts(
            self.resources,
            self.handlers,
            self.lanes,
            self._claims,
            self._starts,
            self._finishes,
            self._job_log,
            self._counts,
            self._news,
        )

    async def run(self, *, ready: asyncio.Event | None = None) -> None:
        """Serve until `stop` is set; then let what runs end for a while and give back the rest.

        Raises whatever ends one of its loops: a worker that no longer keeps its leases must not go on.
        """
        hear_attempts()
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
            await end_presence(self.resources.line, self.worker_id)
            await self._news.close()
            await self._close_spares()

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        loops = [
            self._listen(),
            self._keep_leases(),
            self._let_go_in_time(),
            self._take_back(),
            self._watch_stops(),
            self._starts.serve(),
            self._finishes.serve(),
            self._job_log.write_until_cancelled(),
            write_now_and_then(
                self._write_counts,
                every_seconds=COUNTS_EVERY_SECONDS,
                last_seconds_max=WORKER_LAST_WORDS_SECONDS_MAX,
            ),
            self._stop_waiting(),
            self._tell_presence(),
        ]
        return [*loops, *(runner.keep_spare() for runner in self.lanes.runners.values())]

    async def _serve(self) -> None:
        while not self.stop.is_set():
            if not await self._claim():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS * random.uniform(0.8, 1.2)):  # noqa: S311 jitter
                        await self._wake.wait()
            self._wake.clear()

    async def _tell_presence(self) -> None:
        began_at = time.time()
        while not self.stop.is_set():
            running: Counter[str] = Counter(entry.lane for entry in self._running.values())
            await tell_presence(self.resources.line, self.worker_id, began_at=began_at, running=running)
            await asyncio.sleep(TELL_SECONDS)

    async def _stop_waiting(self) -> None:
        await self.stop.wait()
        self._wake.set()

    async def _claim(self) -> bool:
        """Take what there are slots for; return whether a slot may still be free with work waiting."""
        taken = 0
        for lane, at_most in self.lanes.slots.items():
            free = at_most - sum(running.lane == lane for running in self._running.values())
            if lane == "light":
                # what has ended and is being written holds nobody up, unless writing does not keep pace
                free -= max(0, len(self._finishes) - at_most)
            if free <= 0:
                continue
            try:
                taken += await self._take(lane, free)
            except (SQLAlchemyError, OSError) as error:
                self._seldom.warn("the queue cannot be reached; trying again", error)
                return False
        return taken > 0

    async def _take(self, lane: ClaimedLane, slots: int) -> int:
        asked_at = time.monotonic()
        claimed = await self._claims.claim(lane, slots)
        for row in claimed:
            # An attempt that still runs here lost its lease, or there would have been nothing to claim.
            self._stop_job(row.id, "lost")
            entry = Running(lane, held_at=asked_at)
            self._running[Attempt(row.id, row.attempt)] = entry
            entry.task = asyncio.create_task(self._run_one(row, entry))
        return len(claimed)

    def _written(self, done: Collection[UUID], others: Collection[UUID]) -> None:
        self._news.done(done)
        for job_id in others:
            self._news.stopped(job_id, None, None)
        self._wake.set()

    async def _run_one(self, row: Any, entry: Running) -> None:
        attempt = Attempt(row.id, row.attempt)
        try:
            await self._attempts.run(row, entry)
        finally:
            if self._running.get(attempt) is entry:
                del self._running[attempt]
            self._wake.set()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(min(BEAT_SECONDS_MAX, self.lease_seconds / 4))
            # one beat passes over the rows that another just writes
            async with self._beating:
                await self._extend_leases()

    async def _extend_leases(self) -> None:
        asked, asked_at = dict(self._running), time.monotonic()
        held = [*asked, *self._finishes.attempts]
        if not held:
            return
        try:
            verdicts = await self._claims.beat(held)
        except (SQLAlchemyError, OSError) as error:
            self._seldom.warn("leases could not be extended", error)
            return
        for attempt, entry in asked.items():
            # given back and claimed anew, an attempt keeps its number: the verdict was about what ran before
            if self._running.get(attempt) is not entry or attempt not in verdicts:
                continue
            if verdict := verdicts[attempt]:
                entry.stop(verdict)
                continue
            entry.held_at = asked_at
            if runner := self.lanes.runner_of(entry.lane):
                runner.resume(attempt)

    async def _let_go_in_time(self) -> None:
        """Have nothing run under a lease that another worker may take for over, while the database cannot be reached.

        What computes stands still and goes on when the lease turns out to be had; anything else is stopped.
        """
        limit = self.lease_seconds * HELD_SHARE
        while True:
            slept_at = time.monotonic()
            await asyncio.sleep(min(LOOK_SECONDS, self.lease_seconds / 15))
            if time.monotonic() - slept_at > limit / 2:
                # this process stood still itself, and perhaps everything did: what it has lost is the database's to say
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limit), self._beating:
                        await self._extend_leases()
            for attempt, entry in list(self._running.items()):
                if entry.started_at is None or time.monotonic() - entry.held_at < limit:
                    continue
                if runner := self.lanes.runner_of(entry.lane):
                    runner.pause(attempt)
                else:
                    entry.stop("lost")

    async def _take_back(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self.lease_seconds / 8))
            try:
                taken_back = await self._reaper.look()
            except (SQLAlchemyError, OSError) as error:
                self._seldom.warn("jobs of silent workers could not be taken back", error)
                continue
            if taken_back:
                log.warning("jobs of silent workers taken back", extra={"jobs": taken_back})
                self._wake.set()

    async def _write_counts(self) -> None:
        with contextlib.suppress(SQLAlchemyError, OSError):
            await self._counts.write(self.resources.database)

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
                self._seldom.warn("not listening for new jobs; looking every second", error)
            pause = POLL_SECONDS if time.monotonic() - began > LISTEN_PAUSE_SECONDS_MAX else pause * 2
            await asyncio.sleep(min(pause, LISTEN_PAUSE_SECONDS_MAX))

    async def _listen_once(self, url: str) -> None:
        connection = await connect_directly(url)
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
        """Give back at once what computes or has not started, the others after a while, and write how the rest ended."""
        for running in self._running.values():
            if running.lane in {"heavy", "solo"} or running.started_at is None:
                running.stop("drain")
        await self._wait_for_tasks(WORKER_DRAIN_SECONDS)
        for running in self._running.values():
            running.stop("drain")
        await self._wait_for_tasks(WORKER_END_SECONDS_MAX)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WORKER_END_SECONDS_MAX):
                while len(self._finishes):
                    self._wake.clear()
                    await self._wake.wait()

    async def _close_spares(self) -> None:
        try:
            async with asyncio.timeout(WORKER_CLOSE_SECONDS_MAX):
                await asyncio.gather(*(runner.close() for runner in self.lanes.runners.values()))
        except TimeoutError:
            log.warning("spare child processes do not end in time; their guards end them after this worker")

    async def _wait_for_tasks(self, seconds: float) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
