"""The worker's side of heavy jobs: one spare child kept warm, one child a job, ended with all it has started.

A child of short computing may go on with the next job of its organisation.
"""

import asyncio
import contextlib
import logging
import os
import socket
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.config import ENV_PREFIX
from lyceum.kernel.jobs.children import Child, ChildFailed, RestingChildren
from lyceum.kernel.jobs.claims import Attempt, ClaimedLane
from lyceum.kernel.jobs.ending import finish_in
from lyceum.kernel.jobs.guard import EXIT_TOO_MUCH_MEMORY, GO_ON, PAUSE
from lyceum.kernel.jobs.guarded import exit_words, start_computing
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRefused, JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.machine import memory_bytes
from lyceum.kernel.problems import Problem
from lyceum.kernel.telemetry import log_context, trace_parent
from lyceum.kernel.tracing import traced
from lyceum.kernel.tx import ride_out, run_in_tx

READY_SECONDS_MAX = 120.0
CANCEL_GRACE_SECONDS = 0.5
SPARE_RETRY_SECONDS = 10.0
MEMORY_SHARES: dict[ClaimedLane, float] = {"heavy": 0.5, "short": 0.25, "solo": 0.125}
CHILD_BYTES_MIN: dict[ClaimedLane, int] = {"heavy": 1024 * 1024**2, "short": 768 * 1024**2, "solo": 512 * 1024**2}
"""Well above what the imports alone hold (290, 125 and 160 MB), or files of a few megabytes would be refused."""
FOR_NOW_STATUS_MIN = 500
"""Problems from here on are about the hub, not about what was asked: the job is tried again."""
_NOT_FOR_CHILDREN = frozenset(
    f"{ENV_PREFIX}{name}"
    for name in (
        *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_DIRECT_URL", "DATABASE_REPLICA_URL"),
        *("VALKEY_URL", "SECRET_KEY", "OTLP_HEADERS", "SENTRY_DSN"),
    )
)

log = logging.getLogger(__name__)


class ComputeRefused(Problem):
    """The computing function refused its input with a code and a sentence."""

    status = 422
    title = "The job cannot succeed as it stands"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class ComputeHindered(Problem):
    """The computing function was kept from its work by something that may pass, such as a full disk."""

    status = 503
    title = "The job could not be done for now"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(slots=True)
class HeavyRunner:
    """Runs computing, each job in a fresh process whose imports were done while nobody waited.

    A worker has two: one for heavy jobs, as many as it has slots, and one for short computing such as reading an
    upload, which does not wait for a training and must not crowd the machine either. Whoever calls `run` is in `room`.
    With `rest_seconds_max`, a child that has done its job waits so long for another one of the same organisation.
    """

    preload: tuple[str, ...]
    at_once: int
    memory_bytes_max: int
    rest_seconds_max: float = 0.0
    room: asyncio.Semaphore = field(init=False)
    _spare: Child | None = None
    _resting: RestingChildren = field(init=False)
    _take: asyncio.Event = field(default_factory=asyncio.Event)
    _children: dict[Attempt, Child] = field(default_factory=dict)
    _paused: set[Attempt] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.room = asyncio.Semaphore(self.at_once)
        self._resting = RestingChildren(seconds_max=self.rest_seconds_max)

    async def keep_spare(self) -> None:
        """Keep one child ready until cancelled; where its imports alone are too large, none is tried before the next job."""
        while True:
            try:
                if self._spare is None:
                    self._spare = await self._start()
            except JobRefused as refused:
                log.warning("no spare child could be started", extra={"cause": refused.problem.detail})
            except (ChildFailed, OSError) as error:
                log.warning("no spare child could be started; trying again", extra={"cause": str(error)})
                await asyncio.sleep(SPARE_RETRY_SECONDS)
                continue
            self._take.clear()
            await self._take.wait()

    async def close(self) -> None:
        """End the spare child and those that rest."""
        spare, self._spare = self._spare, None
        await asyncio.gather(self._resting.end_all(), *([spare.end()] if spare is not None else []))

    def pause(self, attempt: Attempt) -> None:
        """Have an attempt's computing stand still until `resume`, whether it has begun or not."""
        if attempt not in self._paused:
            self._paused.add(attempt)
            if child := self._children.get(attempt):
                child.tell(PAUSE)

    def resume(self, attempt: Attempt) -> None:
        """Have an attempt's computing go on where it was paused."""
        if attempt in self._paused:
            self._paused.discard(attempt)
            if child := self._children.get(attempt):
                child.tell(GO_ON)

    async def run(self, handler: HeavyHandler, run: JobRun, args: JobArgs) -> None:
        """Run one job to its end. Raises what ends the attempt: a problem, `ChildFailed`, `LeaseLost`."""
        attempt = Attempt(run.job_id, run.attempt)
        try:
            outcome = await self.compute(attempt, handler, run, args)
        finally:
            self._paused.discard(attempt)
        output = msgspec.convert(outcome, handler.output_type)
        await ride_out(lambda: _conclude(handler, run, args, output))

    async def compute(self, attempt: Attempt, handler: HeavyHandler, run: JobRun, args: JobArgs) -> Any:
        """Return what the child of one job made of it, which nothing is done with yet; raises what `run` does."""
        work = await ride_out(lambda: handler.prepare(run, args))
        child = self._children[attempt] = await self._child(run.scope.org_id)
        goes_on = False
        try:
            if attempt in self._paused:
                child.tell(PAUSE)
            with traced(f"compute {handler.compute}"):
                await child.send({"compute": handler.compute, "input": msgspec.to_builtins(work), **_for_its_log(run)})
                outcome = await self._outcome(child, handler, run, args)
            # one that was told to stand still just as it finished would never hear of another job
            goes_on = self.rest_seconds_max > 0 and outcome.goes_on and attempt not in self._paused
        except asyncio.CancelledError:
            await self._stop_gently(child, is_paused=attempt in self._paused)
            raise
        else:
            return outcome.output
        finally:
            del self._children[attempt]
            if goes_on:
                self._resting.put(run.scope.org_id, child)
            else:
                await asyncio.shield(child.end())

    async def _outcome(self, child: Child, handler: HeavyHandler, run: JobRun, args: JobArgs) -> "_Outcome":
        while (message := await child.read()) is not None:
            if "event" in message:
                await _record(handler, run, args, message["event"])
            elif "output" in message:
                return _Outcome(message["output"], goes_on=message["goes_on"])
            elif "error" in message:
                raise _as_problem(message["error"])
        code = await child.end()
        if code == EXIT_TOO_MUCH_MEMORY:
            raise JobRefused(too_much_memory(self.memory_bytes_max))
        raise ChildFailed(f"The process of this job ended unexpectedly ({exit_words(code)}).")

    async def _child(self, org_id: UUID | None) -> Child:
        if (rested := self._resting.take(org_id)) is not None:
            return rested
        # those that rest and those that compute are together no more than may compute at once
        self._resting.leave(self.at_once - len(self._children) - 1)
        child, self._spare = self._spare, None
        self._take.set()
        if child is not None and child.is_there:
            return child
        if child is not None:
            await child.end()
        return await self._start()

    async def _start(self) -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                guard = await self._start_guard(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_connection(sock=ours)
        child = Child(guard, reader, writer)
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                first = await child.read()
        except BaseException:
            await asyncio.shield(child.end())
            raise
        if first is None:
            code = await child.end()
            if code == EXIT_TOO_MUCH_MEMORY:
                raise JobRefused(_too_much_memory_to_start(self.memory_bytes_max))
            raise ChildFailed(
                f"A child process could not start ({exit_words(code)}); what it said is in the worker's log."
            )
        return child

    async def _start_guard(self, descriptor: int) -> asyncio.subprocess.Process:
        secrets_kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
        return await start_computing(
            descriptor,
            memory_bytes_max=self.memory_bytes_max,
            preload=self.preload,
            env=secrets_kept | {"OMP_WAIT_POLICY": "PASSIVE"},
        )

    async def _stop_gently(self, child: Child, *, is_paused: bool) -> None:
        if is_paused:
            return
        await child.send({"cancel": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CANCEL_GRACE_SECONDS):
                await child.guard.wait()


@dataclass(frozen=True, slots=True)
class _Outcome:
    output: Any
    goes_on: bool
    """Whether the child is as it was before, and may compute again."""


def children_that_fit(lane: ClaimedLane, *, wanted: int, workers: int) -> tuple[int, int]:
    """Return how many children of a lane each of so many workers runs at once, and the bytes one may hold.

    Trainings may fill half of the memory together, short computing a quarter and what runs alone an eighth, so that they
    leave room for the rest. Where that is too little for as many as are wanted, fewer run at once, but one always does.
    """
    share, least = memory_bytes() * MEMORY_SHARES[lane] / workers, CHILD_BYTES_MIN[lane]
    at_once = max(1, min(wanted, int(share // least)))
    return at_once, max(least, int(share / at_once))


async def _record(handler: HeavyHandler, run: JobRun, args: JobArgs, facts: dict[str, Any]) -> None:
    on_event = handler.on_event
    if on_event is not None:
        await ride_out(lambda: on_event(run, args, facts))


async def _conclude(handler: HeavyHandler, run: JobRun, args: JobArgs, output: Any) -> None:
    async def end(tx: AsyncSession) -> None:
        await handler.conclude(tx, run, args, output)
        await finish_in(tx, run)

    # Again after a deadlock, which must not cost all that was computed.
    await run_in_tx(run.resources.database, run.scope, end)


def _for_its_log(run: JobRun) -> dict[str, Any]:
    level = run.resources.settings.log_level
    return {"context": log_context.get(), "traceparent": trace_parent.get(), "log_level": level}


def _as_problem(error: dict[str, Any]) -> Exception:
    status: int | None = error.get("status")
    if status is None:
        log.error("a heavy job's computing failed", extra={"trace": error["trace"]})
        return ChildFailed(f"{error['type']}: the hub's log has the cause.")
    if status >= FOR_NOW_STATUS_MIN:
        return ComputeHindered(error["code"], error["detail"])
    return JobRefused(ComputeRefused(error["code"], error["detail"]))


def too_much_memory(limit: int) -> Problem:
    """Return what the owner of a job is told that held more than so many bytes."""
    return ComputeRefused(
        "out_of_memory",
        f"The job held more than {limit // 1024**2:,} MB of memory and was ended; use a smaller table or raise "
        "LYCEUM_WORKER_HEAVY_MEMORY_BYTES_MAX.",
    )


def _too_much_memory_to_start(limit: int) -> Problem:
    return ComputeRefused(
        "out_of_memory",
        f"The process for this job held more than {limit // 1024**2:,} MB of memory before it had begun: raise "
        "LYCEUM_WORKER_HEAVY_MEMORY_BYTES_MAX.",
    )
