"""A job over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from lyceum.kernel.jobs.job_log import LogLine
from lyceum.kernel.jobs.queue import Job
from lyceum.kernel.progress import Progress


class JobProgress(BaseModel):
    """How far the job is: a fraction from 0 to 1, and what it is doing."""

    fraction: float
    note: str


class JobOut(BaseModel):
    """A job as its owner sees it."""

    id: UUID
    kind: str
    job_class: str
    lane: str
    state: str
    priority: int
    attempt: int
    attempts_max: int
    cancel_requested: bool
    progress: JobProgress | None
    error: dict[str, Any] | None
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(BaseModel):
    """Jobs, newest first; `next` is the cursor of the page after this one."""

    items: list[JobOut]
    next: str | None


class JobLogLine(BaseModel):
    """A line that a job's handler logged."""

    number: int
    attempt: int
    at: datetime
    level: str
    message: str
    facts: dict[str, Any]


class JobLogPage(BaseModel):
    """Lines, oldest first; `next` is the `after` of the page after this one, also when there is no line yet."""

    items: list[JobLogLine]
    next: int


def as_job_out(job: Job, progress: Progress | None) -> JobOut:
    """Return the job with how far it is."""
    return JobOut(
        id=job.id,
        kind=job.kind,
        job_class=job.job_class,
        lane=job.lane,
        state=job.state,
        priority=job.priority,
        attempt=job.attempt,
        attempts_max=job.attempts_max,
        cancel_requested=job.cancel_requested,
        progress=JobProgress(fraction=progress.fraction, note=progress.note) if progress else None,
        error=job.error,
        created_at=job.created_at,
        run_at=job.run_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def as_log_line(line: LogLine) -> JobLogLine:
    """Return a line as the API shows it."""
    return JobLogLine(
        number=line.number,
        attempt=line.attempt,
        at=line.at,
        level=line.level,
        message=line.message,
        facts=line.facts,
    )
