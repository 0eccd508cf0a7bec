"""Jobs over HTTP: look, and call off."""

from uuid import UUID

from fastapi import APIRouter

from lyceum.accounts.edge import CurrentResources, Tx, Who
from lyceum.accounts.public import Power, require
from lyceum.jobs.schemas import JobOut, as_job_out
from lyceum.kernel.jobs import queue
from lyceum.kernel.progress import read_progress

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.get("/{job_id}")
async def read_job(tx: Tx, who: Who, resources: CurrentResources, job_id: UUID) -> JobOut:
    """Read a job of the organisation and how far it is."""
    require(who, Power.RUNS_READ)
    job = await queue.job_for(tx, job_id)
    return as_job_out(job, await read_progress(resources.valkey, job_id))


@router.post("/{job_id}/cancel")
async def cancel_job(tx: Tx, who: Who, job_id: UUID) -> JobOut:
    """Call a job off; it stops within a second."""
    require(who, Power.RUNS_WRITE)
    return as_job_out(await queue.cancel(tx, job_id), None)
