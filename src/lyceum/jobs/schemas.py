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


class HubJob(JobOut):
    """A job of whichever organisation, or of the hub itself; for whoever runs the hub."""

    organisation_id: UUID | None


class HubJobPage(BaseModel):
    """Jobs of the whole hub, newest first; `next` is the cursor of the page after this one."""

    items: list[HubJob]
    next: str | None


class OpenJobs(BaseModel):
    """How many jobs of a kind are in a state, and for how long the first of them has been due."""

    kind: str
    state: str
    jobs: int
    oldest_seconds: float


class HubWorker(BaseModel):
    """A worker that lived within the last hour; `running` counts its jobs by lane."""

    id: UUID
    machine: str
    process: int
    release: str
    began_at: datetime
    seen_at: datetime
    running: dict[str, int]


class HubQueue(BaseModel):
    """The queue of the hub: what has not ended, what failed for good (`dead_max` at most are counted), and who works.

    Without Valkey nobody knows which workers live: `workers` is null then.
    """

    open: list[OpenJobs]
    dead: int
    dead_max: int
    workers: list[HubWorker] | None


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


def as_hub_job(job: Job, progress: Progress | None) -> HubJob:
    """Return the job with whose it is."""
    return HubJob(**as_job_out(job, progress).model_dump(), organisation_id=job.org_id)


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
