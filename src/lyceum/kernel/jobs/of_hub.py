"""The hub's own jobs, which no organisation sees: for whoever runs the hub, which the callers have checked.

Each does what the function of its name in `queue` and `job_log` does for an organisation's.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.jobs.job_log import LogLine
from lyceum.kernel.jobs.models import JobLogRow, JobRow
from lyceum.kernel.jobs.queue import (
    ATTEMPTS_AT_RETRY_MAX,
    CANCEL_CHANNEL,
    Job,
    JobNotFound,
    JobNotRetryable,
    JobTwinRuns,
    as_job,
    wake_after_commit,
)

_CANCEL = text("SELECT definer.jobs_hub_cancel(:id)")
_RETRY = text("SELECT definer.jobs_hub_retry(:id, :attempts_at_most)")
_TELL = text("SELECT pg_notify(:channel, :id)")


async def job_for(tx: AsyncSession, job_id: UUID) -> Job:
    """Return a job of the hub itself; raises `JobNotFound`."""
    found = func.definer.jobs_hub_one(job_id).table_valued(*JobRow.__table__.columns)
    statement = select(JobRow).from_statement(select(found)).execution_options(populate_existing=True)
    row = (await tx.scalars(statement)).one_or_none()
    if row is None:
        raise JobNotFound(f"The hub itself has no job {job_id}.")
    return as_job(row)


async def list_log(tx: AsyncSession, job_id: UUID, *, after: int = 0, limit: int) -> Sequence[LogLine]:
    """Return lines of a job of the hub itself, oldest first, from the one after `after` on."""
    found = func.definer.jobs_hub_log(job_id, after, limit).table_valued(*JobLogRow.__table__.columns)
    rows = await tx.scalars(select(JobLogRow).from_statement(select(found)))
    return [LogLine(row.number, row.attempt, row.at, row.level, row.message, row.facts) for row in rows]


async def cancel(tx: AsyncSession, job_id: UUID) -> Job:
    """Call a job of the hub itself off; raises `JobNotFound`."""
    await tx.execute(_CANCEL, {"id": job_id})
    job = await job_for(tx, job_id)
    if not job.ended:
        await tx.execute(_TELL, {"channel": CANCEL_CHANNEL, "id": str(job_id)})
    return job


async def retry(tx: AsyncSession, job_id: UUID, *, final_kinds: Collection[str]) -> Job:
    """Have a dead or cancelled job of the hub itself tried again.

    Raises `JobNotFound`, `JobNotRetryable`, and `JobTwinRuns` when a job with its key is on the queue by now.
    """
    before = await job_for(tx, job_id)
    if before.state not in {"dead", "cancelled"}:
        return before
    if before.kind in final_kinds:
        raise JobNotRetryable("What hung on this job was closed when it ended; start it anew where it came from.")
    await tx.execute(_RETRY, {"id": job_id, "attempts_at_most": ATTEMPTS_AT_RETRY_MAX})
    job = await job_for(tx, job_id)
    if job.ended:
        raise JobTwinRuns("Another job with the same key is on the queue; nothing was tried again.")
    wake_after_commit(tx)
    return job
