"""What is kept of an attempt that failed, and whether trying again can help."""

import logging
from typing import Any

import msgspec

from lyceum.kernel.jobs.handlers import JobRefused
from lyceum.kernel.problems import Problem

SERVER_STATUS_MIN = 500
"""Problems from here on are about the hub, not about what was asked: the job is tried again."""

log = logging.getLogger(__name__)


class Failure(msgspec.Struct, frozen=True):
    """A problem document, and whether the job is dead at once."""

    problem: dict[str, Any]
    is_final: bool


def failure_of(error: Exception, *, attempt: int) -> Failure:
    """Return what the owner of a job is told of what its handler raised; the cause of a crash goes into the log only.

    Its text may hold somebody's data.
    """
    problem = error.problem if isinstance(error, JobRefused) else error
    if not isinstance(problem, Problem):
        log.error("job failed", extra={"attempt": attempt}, exc_info=error)
        code, detail = "job_failed", f"{type(error).__name__}: the hub's log has the cause."
        return Failure({"code": code, "detail": detail}, is_final=False)
    log.warning("job failed", extra={"attempt": attempt, "code": problem.code, "cause": problem.detail})
    told = problem.body()
    is_final = isinstance(error, JobRefused) or told.get("status", SERVER_STATUS_MIN) < SERVER_STATUS_MIN
    return Failure(told, is_final=is_final)
