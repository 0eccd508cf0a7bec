"""Jobs that work on what somebody was granted: they follow them as they see the object."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, is_granted, require, require_to_see
from lyceum.kernel.jobs import queue
from lyceum.kernel.jobs.listing import find_jobs
from lyceum.kernel.tx import acting_in

_GRANTED = text("SELECT job_id, org_id, role FROM definer.jobs_granted(:ids)")


@asynccontextmanager
async def working_for_job(tx: AsyncSession, who: Actor, job_id: UUID, *, need: Power) -> AsyncIterator[None]:
    """Have `tx` work for the organisation of a job within the block: the caller's, or that of an object they were granted.

    Raises what `require` raises, and `JobNotFound`, also where the caller may not know of it.
    """
    require_to_see(who, need)
    is_own = bool(await find_jobs(tx, [job_id]))
    if is_own and need in who.powers:
        yield
        return
    granted = await _granted(tx, who, [job_id], need)
    if job_id not in granted:
        if is_own:
            require(who, need)
        raise queue.JobNotFound(f"There is no job {job_id} that you may see.")
    async with acting_in(tx, granted[job_id]):
        yield


async def job_for(tx: AsyncSession, who: Actor, job_id: UUID) -> queue.Job:
    """Return a job of the organisation acted in, in one query, or one that works on what the caller was granted.

    Raises `JobNotFound`.
    """
    require_to_see(who, Power.RUNS_READ)
    try:
        return await queue.job_for(tx, job_id)
    except queue.JobNotFound:
        async with working_for_job(tx, who, job_id, need=Power.RUNS_READ):
            return await queue.job_for(tx, job_id)


async def jobs_seen(tx: AsyncSession, who: Actor, job_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these jobs the caller may follow: one query, two where some are not of the organisation."""
    seen = await find_jobs(tx, job_ids)
    if others := set(job_ids) - seen:
        seen |= (await _granted(tx, who, others, Power.RUNS_READ)).keys()
    return seen


async def _granted(tx: AsyncSession, who: Actor, job_ids: Collection[UUID], need: Power) -> dict[UUID, UUID]:
    rows = await tx.execute(_GRANTED, {"ids": list(job_ids)})
    return {row.job_id: row.org_id for row in rows if is_granted(who, row.role, need)}
