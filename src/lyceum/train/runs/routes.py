"""Training runs over HTTP."""

from typing import Any
from uuid import UUID

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    NEEDS_ROOM,
    CurrentResources,
    Power,
    Tx,
    Who,
    api_router,
    needs,
    needs_of_object,
)
from lyceum.data.datasets.errors import VersionThinned
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.paging import Cursor, Limit, NamePart, decode_cursor, next_cursor
from lyceum.kernel.problems import NoSpace
from lyceum.serve.registry.public import ModelVersion
from lyceum.train.runs import queries, service
from lyceum.train.runs.schemas import NewRun, Registration, Run, RunPage

router = api_router("/api/v1/runs", tags=["training runs"])


@router.post("", status_code=202, dependencies=[KEEPS_ANSWER, NEEDS_ROOM], responses=refuses(NoSpace, VersionThinned))
@needs(Power.RUNS_WRITE)
async def start_run(tx: Tx, who: Who, resources: CurrentResources, wanted: NewRun) -> Run:
    """Start a training; follow it at `/runs/{id}`."""
    return await service.start(tx, who, resources.settings, wanted)


@router.get("")
@needs_of_object(Power.RUNS_READ)
async def list_runs(tx: Tx, who: Who, named: NamePart = None, limit: Limit = 50, cursor: Cursor = None) -> RunPage:
    """List the organisation's runs, newest first."""
    items = await queries.list_runs(tx, who, limit=limit, before=decode_cursor(cursor), named=named)
    return RunPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/{run_id}")
@needs_of_object(Power.RUNS_READ)
async def read_run(tx: Tx, who: Who, resources: CurrentResources, run_id: UUID) -> Run:
    """Read a run with its leaderboard so far."""
    return await queries.run_for(tx, who, run_id, resources.valkey)


@router.get("/{run_id}/report")
@needs_of_object(Power.RUNS_READ)
async def read_report(tx: Tx, who: Who, run_id: UUID) -> dict[str, Any]:
    """Read what a finished run found on the rows it never saw."""
    return await queries.report_for(tx, who, run_id)


@router.post("/{run_id}/cancel")
@needs_of_object(Power.RUNS_WRITE)
async def cancel_run(tx: Tx, who: Who, run_id: UUID) -> Run:
    """Call a run off; it stops within a second."""
    return await service.cancel(tx, who, run_id)


@router.post("/{run_id}/register", status_code=201, dependencies=[KEEPS_ANSWER, NEEDS_ROOM])
@needs(Power.RUNS_WRITE, Power.MODELS_WRITE)
async def register_run(tx: Tx, who: Who, run_id: UUID, wanted: Registration) -> ModelVersion:
    """Register a finished run's model and let an alias name it."""
    return await service.register(tx, who, run_id, wanted)
