"""Checks over HTTP."""

from uuid import UUID

from fastapi import Response

from lyceum.accounts.edge import KEEPS_ANSWER, Power, Tx, Who, api_router, needs_of_object
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.quality import queries, service
from lyceum.data.quality.schemas import Check, CheckList, CheckRun, CheckRunPage, NewCheck
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["checks"])


@router.get("/datasets/{org}/{name}/checks")
@needs_of_object(Power.DATASETS_READ)
async def list_checks(tx: Tx, who: Who, org: str, name: str) -> CheckList:
    """List a dataset's checks."""
    return CheckList(items=await queries.list_checks(tx, who, org, name))


@router.post("/datasets/{org}/{name}/checks", status_code=201, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def add_check(tx: Tx, who: Who, org: str, name: str, wanted: NewCheck) -> Check:
    """Keep a check with a dataset."""
    return await service.add_check(tx, who, org, name, wanted)


@router.post("/datasets/{org}/{name}/checks/suggest", status_code=201, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def accept_suggested_checks(tx: Tx, who: Who, org: str, name: str) -> CheckList:
    """Keep the checks that the latest version's profile suggests."""
    return CheckList(items=await service.accept_suggestions(tx, who, org, name))


@router.delete("/checks/{check_id}", status_code=204)
@needs_of_object(Power.DATASETS_WRITE)
async def drop_check(tx: Tx, who: Who, check_id: UUID) -> Response:
    """Stop a check."""
    await service.drop_check(tx, who, check_id)
    return Response(status_code=204)


@router.post("/datasets/{org}/{name}/versions/{number}/check-runs", status_code=202, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.DATASETS_WRITE)
async def start_check_run(tx: Tx, who: Who, org: str, name: str, number: VersionNumber) -> CheckRun:
    """Run a dataset's checks on one of its versions; follow it at `/check-runs/{id}`."""
    return await service.start_check_run(tx, who, org, name, as_number(number))


@router.get("/datasets/{org}/{name}/versions/{number}/check-runs")
@needs_of_object(Power.DATASETS_READ)
async def list_check_runs(
    tx: Tx, who: Who, org: str, name: str, number: VersionNumber, limit: Limit = 50, cursor: Cursor = None
) -> CheckRunPage:
    """List the check runs of a version, newest first, without their results."""
    items = await queries.list_check_runs(
        tx, who, org, name, as_number(number), limit=limit, before=decode_cursor(cursor)
    )
    return CheckRunPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/dataset-versions/{version_id}/check-runs")
@needs_of_object(Power.DATASETS_READ)
async def list_check_runs_of_version(
    tx: Tx, who: Who, version_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> CheckRunPage:
    """List the check runs of a version, newest first: of one that was held back as well."""
    items = await queries.list_check_runs_of(tx, who, version_id, limit=limit, before=decode_cursor(cursor))
    return CheckRunPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/check-runs/{check_run_id}")
@needs_of_object(Power.DATASETS_READ)
async def read_check_run(tx: Tx, who: Who, check_run_id: UUID) -> CheckRun:
    """Read a check run and what came of each check."""
    return await queries.check_run_for(tx, who, check_run_id)
