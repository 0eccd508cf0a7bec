"""Jobs over HTTP: look, read what they said, call off, try again."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.edge import ADMINISTRATOR, CurrentResources, PrimaryTx, Who, api_router, needs, needs_of_object
from lyceum.accounts.public import Actor, Power, require, require_operator
from lyceum.jobs.schemas import (
    HubJob,
    HubJobPage,
    HubQueue,
    HubWorker,
    JobLogPage,
    JobOut,
    JobPage,
    OpenJobs,
    as_hub_job,
    as_job_out,
    as_log_line,
)
from lyceum.jobs.sharing import job_for, working_for_job
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.jobs import of_hub, queue
from lyceum.kernel.jobs.job_log import LogLine, list_log
from lyceum.kernel.jobs.listing import DEAD_COUNTED_MAX, count_dead_jobs, count_open_jobs, list_all_jobs, list_jobs
from lyceum.kernel.jobs.presence import list_workers
from lyceum.kernel.progress import read_progress
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside
from lyceum.kernel.valkey import ValkeyAway

router = api_router(tags=["jobs"])

Kind = Annotated[str | None, Query(max_length=100, description="Only jobs of this kind.")]
States = Annotated[list[queue.JobState], Query(alias="state", description="Only jobs in one of these states.")]
LINE_NUMBER_MAX = 2**63 - 1
AfterLine = Annotated[int, Query(ge=0, le=LINE_NUMBER_MAX)]


def _final_kinds(request: Request) -> frozenset[str]:
    return cast("frozenset[str]", request.app.state.final_kinds)


FinalKinds = Annotated[frozenset[str], Depends(_final_kinds)]


@router.get("/jobs")
@needs(Power.RUNS_READ)
async def list_own_jobs(
    tx: PrimaryTx,
    who: Who,
    states: States = [],  # noqa: B006 FastAPI copies it
    kind: Kind = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobPage:
    """List jobs of the organisation, newest first."""
    require(who, Power.RUNS_READ)
    jobs = await list_jobs(tx, states=states, kind=kind, limit=limit, before=decode_cursor(cursor))
    return _page(jobs, limit)


@router.get("/hub/jobs")
@needs(ADMINISTRATOR)
async def list_jobs_of_the_hub(
    tx: PrimaryTx,
    who: Who,
    states: States = [],  # noqa: B006 FastAPI copies it
    kind: Kind = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HubJobPage:
    """List jobs of all organisations and of the hub itself, newest first; for whoever runs the hub."""
    require_operator(who)
    jobs = await list_all_jobs(tx, states=states, kind=kind, limit=limit, before=decode_cursor(cursor))
    return HubJobPage(items=[as_hub_job(job, None) for job in jobs], next=next_cursor([job.id for job in jobs], limit))


@router.get("/hub/queue")
@needs(ADMINISTRATOR)
async def read_queue(tx: PrimaryTx, who: Who, resources: CurrentResources) -> HubQueue:
    """Count what waits, runs and failed for good, and name the workers that live; for whoever runs the hub."""
    require_operator(who)
    counted = await count_open_jobs(tx)
    dead = await count_dead_jobs(tx)
    try:
        workers = [HubWorker(**asdict(worker)) for worker in await list_workers(resources.line)]
    except ValkeyAway:
        workers = None
    opened = [OpenJobs(**asdict(count)) for count in counted]
    return HubQueue(open=opened, dead=dead, dead_max=DEAD_COUNTED_MAX, workers=workers)


@router.get("/jobs/{job_id}")
@needs_of_object(Power.RUNS_READ)
async def read_job(tx: PrimaryTx, who: Who, resources: CurrentResources, job_id: UUID) -> JobOut:
    """Read a job of the organisation and how far it is."""
    job = await job_for(tx, who, job_id)
    return as_job_out(job, await read_progress(resources.valkey, job_id))


@router.get("/jobs/{job_id}/log")
@needs_of_object(Power.RUNS_READ)
async def read_log(tx: PrimaryTx, who: Who, job_id: UUID, after: AfterLine = 0, limit: Limit = 200) -> JobLogPage:
    """Read what a job's handler logged, from the line after `after` on."""
    async with working_for_job(tx, who, job_id, need=Power.RUNS_READ):
        await queue.job_for(tx, job_id)
        return _log_page(await list_log(tx, job_id, after=after, limit=limit), after)


@router.post("/jobs/{job_id}/cancel")
@needs_of_object(Power.RUNS_WRITE)
async def cancel_job(tx: PrimaryTx, who: Who, job_id: UUID) -> JobOut:
    """Call a job off; it stops within a second."""
    async with working_for_job(tx, who, job_id, need=Power.RUNS_WRITE):
        return as_job_out(await queue.cancel(tx, job_id), None)


@router.post("/jobs/{job_id}/retry")
@needs_of_object(Power.RUNS_WRITE)
async def retry_job(tx: PrimaryTx, who: Who, final_kinds: FinalKinds, job_id: UUID) -> JobOut:
    """Have a job that is dead or was called off tried again; any other is left as it is."""
    async with working_for_job(tx, who, job_id, need=Power.RUNS_WRITE):
        return as_job_out(await queue.retry(tx, job_id, final_kinds=final_kinds), None)


@router.get("/hub/jobs/{job_id}")
@needs(ADMINISTRATOR)
async def read_job_of_any(who: Who, resources: CurrentResources, job_id: UUID) -> HubJob:
    """Read a job of any organisation or of the hub itself, and how far it is; for whoever runs the hub."""
    async with _where_it_is(resources, who, job_id) as (tx, place):
        job = await place.job_for(tx, job_id)
    return as_hub_job(job, await read_progress(resources.valkey, job_id))


@router.get("/hub/jobs/{job_id}/log")
@needs(ADMINISTRATOR)
async def read_log_of_any(
    who: Who, resources: CurrentResources, job_id: UUID, after: AfterLine = 0, limit: Limit = 200
) -> JobLogPage:
    """Read what the handler of a job of any organisation or of the hub itself logged; for whoever runs the hub."""
    async with _where_it_is(resources, who, job_id) as (tx, place):
        return _log_page(await place.list_log(tx, job_id, after=after, limit=limit), after)


@router.post("/hub/jobs/{job_id}/cancel")
@needs(ADMINISTRATOR)
async def cancel_job_of_any(who: Who, resources: CurrentResources, job_id: UUID) -> HubJob:
    """Call a job of any organisation or of the hub itself off; for whoever runs the hub."""
    async with _where_it_is(resources, who, job_id) as (tx, place):
        return as_hub_job(await place.cancel(tx, job_id), None)


@router.post("/hub/jobs/{job_id}/retry")
@needs(ADMINISTRATOR)
async def retry_job_of_any(who: Who, resources: CurrentResources, final_kinds: FinalKinds, job_id: UUID) -> HubJob:
    """Have a dead or cancelled job of any organisation or of the hub itself tried again; for whoever runs the hub."""
    async with _where_it_is(resources, who, job_id) as (tx, place):
        return as_hub_job(await place.retry(tx, job_id, final_kinds=final_kinds), None)


@dataclass(frozen=True, slots=True)
class _Place:
    """What is done to a job where it is kept: with an organisation's, or with the hub's own."""

    job_for: Callable[..., Awaitable[queue.Job]]
    list_log: Callable[..., Awaitable[Sequence[LogLine]]]
    cancel: Callable[..., Awaitable[queue.Job]]
    retry: Callable[..., Awaitable[queue.Job]]


_IN_ORGANISATION = _Place(queue.job_for, list_log, queue.cancel, queue.retry)
_OF_HUB = _Place(of_hub.job_for, of_hub.list_log, of_hub.cancel, of_hub.retry)


@asynccontextmanager
async def _where_it_is(resources: Resources, who: Actor, job_id: UUID) -> AsyncIterator[tuple[AsyncSession, _Place]]:
    require_operator(who)
    async with aside(resources.database, NOBODY) as tx:
        org_id = await queue.organisation_of(tx, job_id)
    async with aside(resources.database, Scope(org_id=org_id)) as tx:
        yield tx, _OF_HUB if org_id is None else _IN_ORGANISATION


def _log_page(lines: Sequence[LogLine], after: int) -> JobLogPage:
    return JobLogPage(items=[as_log_line(line) for line in lines], next=lines[-1].number if lines else after)


def _page(jobs: list[queue.Job], limit: int) -> JobPage:
    items = [as_job_out(job, None) for job in jobs]
    return JobPage(items=items, next=next_cursor([item.id for item in items], limit))
