"""Checks over HTTP."""

import asyncio
from uuid import UUID

from fastapi import Request, Response

from lyceum.accounts.edge import (
    KEEPS_ANSWER,
    KNOWN,
    CurrentResources,
    Power,
    Tx,
    Who,
    api_router,
    counts_as_push,
    needs,
    needs_of_object,
    not_recorded,
)
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.datasets.errors import VersionThinned
from lyceum.data.datasets.pushes.edge import RECORDS_BODY, MediaTypeUnknown, form_of
from lyceum.data.quality import queries, scoring, service, suggestions, trial
from lyceum.data.quality.errors import TrialsBusy
from lyceum.data.quality.records import RecordChecks
from lyceum.data.quality.schemas import (
    Check,
    CheckChange,
    CheckHistory,
    CheckKindList,
    CheckList,
    CheckRun,
    CheckRunPage,
    DatasetQuality,
    NewCheck,
    NewTrial,
    RecordsChecked,
    Trial,
)
from lyceum.data.quality.set_routes import router as set_routes
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of

router = api_router(tags=["checks"])


@router.get("/check-kinds")
@needs(KNOWN)
async def list_check_kinds() -> CheckKindList:
    """List the kinds of checks there are, each with its fields; what all have (id, severity, blocking, tags, owner) is left out."""
    return await asyncio.to_thread(queries.check_kinds)


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
    return CheckList(items=await suggestions.accept_all(tx, who, org, name))


@router.post("/datasets/{org}/{name}/checks/try", responses=refuses(TrialsBusy, VersionThinned))
@needs_of_object(Power.DATASETS_READ)
async def try_check(who: Who, resources: CurrentResources, org: str, name: str, wanted: NewTrial) -> Trial:
    """Try a check on the first rows of a version, at most 50,000 and for 10 seconds; nothing is kept.

    What is asked of the table as a whole, such as the number of its rows or its newest day, is asked of all of it. Of a column
    that is masked, who may not change the dataset asks what is missing alone.
    """
    return await trial.try_check(resources, who, org, name, wanted)


@router.post(
    "/datasets/{org}/{name}/checks/records",
    response_model=RecordsChecked,
    responses=refuses(MediaTypeUnknown),
    openapi_extra=RECORDS_BODY,
)
@needs_of_object(Power.DATASETS_READ)
@counts_as_push
@not_recorded
async def check_records(request: Request, who: Who, org: str, name: str) -> Response:
    """Say which of a dataset's checks hold on some records, sent as a push has them; nothing is kept.

    Only checks that each record decides by itself are looked at, not those that ask of the table as a whole.
    """
    form, body = form_of(request), await request.body()
    checks: RecordChecks = request.app.state.record_checks
    return Response(await checks.check(who, org, name, body=body, form=form), media_type="application/json")


@router.get("/datasets/{org}/{name}/checks/{check_id}/history")
@needs_of_object(Power.DATASETS_READ)
async def read_check_history(
    tx: Tx, who: Who, org: str, name: str, check_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> CheckHistory:
    """Read what a check found run by run, with its metrics, newest first; of a check that was stopped, too."""
    items = await queries.list_history(tx, who, org, name, check_id, limit=limit, before=decode_cursor(cursor))
    return CheckHistory(items=items, next=next_cursor([item.id for item in items], limit))


@router.patch("/checks/{check_id}", responses=CHANGES_REVISION)
@needs_of_object(Power.DATASETS_WRITE)
async def change_check(
    tx: Tx, who: Who, response: Response, check_id: UUID, wanted: CheckChange, if_match: IfMatch = None
) -> Check:
    """Change a check: what it asks, how bad its failure is, who answers for it, when it runs, and whether."""
    changed = await service.change_check(tx, who, check_id, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


@router.delete("/checks/{check_id}", status_code=204)
@needs_of_object(Power.DATASETS_WRITE)
async def drop_check(tx: Tx, who: Who, check_id: UUID) -> Response:
    """Stop a check."""
    await service.drop_check(tx, who, check_id)
    return Response(status_code=204)


@router.post(
    "/datasets/{org}/{name}/versions/{number}/check-runs",
    status_code=202,
    dependencies=[KEEPS_ANSWER],
    responses=refuses(VersionThinned),
)
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


@router.get("/datasets/{org}/{name}/quality")
@needs_of_object(Power.DATASETS_READ)
async def read_quality(tx: Tx, who: Who, org: str, name: str) -> DatasetQuality:
    """Read a dataset's data-quality score, with its formula and what each check adds to it."""
    return await scoring.quality_for(tx, who, org, name)


@router.get("/check-runs/{check_run_id}")
@needs_of_object(Power.DATASETS_READ)
async def read_check_run(tx: Tx, who: Who, check_run_id: UUID) -> CheckRun:
    """Read a check run and what came of each check."""
    return await queries.check_run_for(tx, who, check_run_id)


ROUTERS = (router, set_routes)
"""Single checks and runs, and whole sets of checks."""
