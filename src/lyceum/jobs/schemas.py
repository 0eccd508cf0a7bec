"""A job over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

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
    state: str
    attempt: int
    attempts_max: int
    cancel_requested: bool
    progress: JobProgress | None
    error: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def as_job_out(job: Job, progress: Progress | None) -> JobOut:
    """Return the job with how far it is."""
    return JobOut(
        id=job.id,
        kind=job.kind,
        state=job.state,
        attempt=job.attempt,
        attempts_max=job.attempts_max,
        cancel_requested=job.cancel_requested,
        progress=JobProgress(fraction=progress.fraction, note=progress.note) if progress else None,
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
