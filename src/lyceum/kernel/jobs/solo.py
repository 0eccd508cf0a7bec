"""A light job in a process of its own: one that was running when its worker died, and may have been the reason.

The worker that claimed it starts the process below a guard (`guard.py`), hands it the attempt and writes how it ended; a
crash ends that process alone, and so does holding too much memory.
"""

import asyncio
import os
import socket
import sys
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from lyceum.kernel.db import Scope
from lyceum.kernel.jobs.entering import enter_attempt
from lyceum.kernel.jobs.failing import Failure, failure_of
from lyceum.kernel.jobs.guard import EXIT_TOO_MUCH_MEMORY
from lyceum.kernel.jobs.guarded import end_of, exit_words, start_program
from lyceum.kernel.jobs.handlers import Handlers, HeavyHandler, JobRefused, JobRun
from lyceum.kernel.jobs.heavy import too_much_memory
from lyceum.kernel.problems import Problem
from lyceum.kernel.progress import write_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import origin_of_jobs

ARGUMENT = "--solo"
PROGRAM: tuple[str, ...] = ("-m", "lyceum.worker", ARGUMENT)
"""What runs it, as arguments of Python."""
OUTCOME_BYTES_MAX = 16 * 1024**2
_STDOUT, _STDERR = 1, 2


class SoloFailed(Problem):
    """The process ended without a word. The job may be tried again, alone again."""

    title = "The job ended its process"
    code = "job_failed"


class _Told(Problem):
    """A problem as the process told of it."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(str(told["detail"]))
        self.code = str(told["code"])
        self._told = told

    def body(self) -> dict[str, Any]:
        """Return the members as they were told."""
        return self._told


class SoloOrder(msgspec.Struct, frozen=True):
    """An attempt as it is handed to the process."""

    job_id: UUID
    attempt: int
    worker_id: UUID
    org_id: UUID | None
    owner_id: UUID | None
    kind: str
    args: dict[str, Any]
    origin: dict[str, str] | None = None


class SoloOutcome(msgspec.Struct, frozen=True):
    """How the attempt ended."""

    result: Any = None
    failure: Failure | None = None


async def run_alone(run: JobRun, kind: str, args: dict[str, Any], *, memory_bytes_max: int) -> Any:
    """Return the result of an attempt that ran in a process of its own; that has ended by then, with all it has started.

    Raises `SoloFailed` when the process died, and what the handler raised as `JobRefused` or a problem. A process that
    held too much memory is refused: alone as it was, nobody else took the room.
    """
    scope = run.scope
    order = SoloOrder(run.job_id, run.attempt, run.worker_id, scope.org_id, scope.user_id, kind, args, origin_of_jobs())
    ours, theirs = socket.socketpair()
    # hung up on, the guard ends the process, also where this attempt is called off while that is being started
    with ours:
        with theirs:
            guard = await start_program(
                theirs.fileno(),
                memory_bytes_max=memory_bytes_max,
                arguments=PROGRAM,
                output_bytes_max=OUTCOME_BYTES_MAX,
            )
        try:
            answer, _ = await guard.communicate(msgspec.json.encode(order))
        finally:
            ours.close()
            code = await asyncio.shield(end_of(guard))
    if code == EXIT_TOO_MUCH_MEMORY:
        raise JobRefused(too_much_memory(memory_bytes_max))
    if code != 0 or not answer:
        raise SoloFailed(f"The process of this job ended unexpectedly ({exit_words(code)}).")
    outcome = msgspec.json.decode(answer, type=SoloOutcome)
    if outcome.failure is None:
        return outcome.result
    problem = _Told(outcome.failure.problem)
    raise JobRefused(problem) if outcome.failure.is_final else problem


async def do_order(order: SoloOrder, resources: Resources, handlers: Handlers) -> SoloOutcome:
    """Run the attempt in this process and return how it ended."""
    handler = handlers.by_kind[order.kind]
    if isinstance(handler, HeavyHandler):
        raise TypeError(f"Jobs of kind {order.kind} compute in a child process anyway.")
    run = JobRun(
        job_id=order.job_id,
        attempt=order.attempt,
        worker_id=order.worker_id,
        scope=Scope(org_id=order.org_id, user_id=order.owner_id),
        resources=resources,
        report_progress=lambda fraction, note: write_progress(resources.line, order.job_id, fraction, note),
    )
    enter_attempt(run, kind=order.kind, origin=order.origin)
    try:
        result = await handler.run(run, msgspec.convert(order.args, handler.args_type))
    except Exception as error:  # noqa: BLE001 whatever a handler raises ends its attempt
        return SoloOutcome(failure=failure_of(error, attempt=order.attempt))
    return SoloOutcome(result=msgspec.to_builtins(result))


def read_order() -> tuple[SoloOrder, BinaryIO]:
    """Return what this process is to do and where to `tell` how it ended.

    What a handler or a library prints from here on goes to standard error, where it cannot spoil the outcome.
    """
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=SoloOrder)
    answers = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)
    return order, answers


def tell(outcome: SoloOutcome, answers: BinaryIO) -> None:
    """Hand the outcome to the worker."""
    with answers:
        answers.write(msgspec.json.encode(outcome))
