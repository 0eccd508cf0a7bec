"""What runs a job: a light handler on the worker's loop, or a heavy one whose computing is done by a child process."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import Scope
from lyceum.kernel.jobs.queue import JobArgs, Lane
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources

ReportProgress = Callable[[float, str], Awaitable[None]]


class JobRefused(Exception):
    """The job cannot succeed however often it is tried; it is dead at once, with the problem as its error."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class JobRun:
    """One attempt at a job, as its handler sees it; it works as the job's organisation.

    Only `worker_id` may end `(job_id, attempt)`, for as long as it holds the lease. What an attempt writes before its end
    is fenced by `ending.hold_in`.
    """

    job_id: UUID
    attempt: int
    worker_id: UUID
    scope: Scope
    resources: Resources
    report_progress: ReportProgress


@dataclass(frozen=True, slots=True)
class LightHandler:
    """Runs on the worker's loop: awaits, and sends what computes to threads. Safe to run twice."""

    args_type: type[JobArgs]
    run: Callable[[JobRun, Any], Awaitable[object]]
    gave_up: Callable[[AsyncSession, Any, dict[str, Any] | None, str], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class HeavyHandler:
    """Reads in a short transaction, computes in a child process, writes in a second short transaction.

    `compute` names a function as `module:function`; it takes the input and a `ChildSide`, in a process of its own.
    `conclude` runs in the transaction that ends the job, so its writes happen once. `prepare` and `on_event` open their
    own, and end those that write with `hold_in`. All three may be called again after a lost connection or a deadlock:
    their writes must be safe to repeat.
    """

    args_type: type[JobArgs]
    prepare: Callable[[JobRun, Any], Awaitable[msgspec.Struct]]
    compute: str
    output_type: type[msgspec.Struct]
    conclude: Callable[[AsyncSession, JobRun, Any, Any], Awaitable[None]]
    on_event: Callable[[JobRun, Any, dict[str, Any]], Awaitable[None]] | None = None
    gave_up: Callable[[AsyncSession, Any, dict[str, Any] | None, str], Awaitable[None]] | None = None
    preload: tuple[str, ...] = ()


Handler = LightHandler | HeavyHandler


@dataclass(frozen=True, slots=True)
class Handlers:
    """Every kind of job this hub can run."""

    by_kind: dict[str, Handler] = field(default_factory=dict)

    @classmethod
    def of(cls, handlers: Iterable[Handler]) -> "Handlers":
        """Return the handlers by kind; two for one kind are a mistake, and so is one that runs where it does not belong."""
        by_kind: dict[str, Handler] = {}
        for handler in handlers:
            kind = handler.args_type.kind
            if kind in by_kind:
                raise ValueError(f"Two handlers are registered for jobs of kind {kind}.")
            if (handler.args_type.lane == "light") == isinstance(handler, HeavyHandler):
                raise ValueError(f"Jobs of kind {kind} must be heavy or short to compute in a child, else light.")
            by_kind[kind] = handler
        return cls(by_kind)

    @property
    def final_kinds(self) -> frozenset[str]:
        """The kinds whose module closes what hung on a job when that is given up, so that none is tried again."""
        return frozenset(kind for kind, handler in self.by_kind.items() if handler.gave_up is not None)

    def computing(self, lane: Lane) -> list[HeavyHandler]:
        """Return the handlers of a lane that compute in child processes."""
        return [h for h in self.by_kind.values() if isinstance(h, HeavyHandler) and h.args_type.lane == lane]
