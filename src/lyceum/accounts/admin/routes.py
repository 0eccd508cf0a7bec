"""The administration of a hub over HTTP: its people, its organisations, what is set up, what comes round."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Request, Response

from lyceum.accounts.admin import queries, service
from lyceum.accounts.admin.schemas import (
    AdministratorChange,
    HubSchedulePage,
    HubStatus,
    Impersonation,
    NewImpersonation,
    OrganisationSummaryPage,
    Person,
    PersonPage,
    ScheduledJob,
    Search,
)
from lyceum.accounts.admin.status import StatusCheck
from lyceum.accounts.edge import KEEPS_ANSWER, CurrentResources, PrimaryTx, Who, api_router
from lyceum.accounts.groups.schemas import GroupPage
from lyceum.accounts.needs import ADMINISTRATOR, needs
from lyceum.accounts.policy import require_operator
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.version import VERSION

router = api_router("/api/v1/admin", tags=["administration"])


def _status_checks(request: Request) -> tuple[StatusCheck, ...]:
    return cast("tuple[StatusCheck, ...]", request.app.state.status_checks)


def _schedules(request: Request) -> tuple[Schedule, ...]:
    return cast("tuple[Schedule, ...]", request.app.state.schedules)


@router.get("/users")
@needs(ADMINISTRATOR)
async def list_people(
    tx: PrimaryTx, who: Who, search: Search = None, limit: Limit = 50, cursor: Cursor = None
) -> PersonPage:
    """List the people of the hub, newest first."""
    items = await queries.list_people(tx, who, search=search, limit=limit, before=decode_cursor(cursor))
    return PersonPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/users/{user_id}")
@needs(ADMINISTRATOR)
async def read_person(tx: PrimaryTx, who: Who, user_id: UUID) -> Person:
    """Read a person of the hub."""
    return await queries.person_for(tx, who, user_id)


@router.post("/users/{user_id}/suspend")
@needs(ADMINISTRATOR)
async def suspend_person(tx: PrimaryTx, who: Who, user_id: UUID) -> Person:
    """Keep a person out: within a second their sessions and keys open nothing."""
    return await service.suspend(tx, who, user_id)


@router.post("/users/{user_id}/restore")
@needs(ADMINISTRATOR)
async def restore_person(tx: PrimaryTx, who: Who, user_id: UUID) -> Person:
    """Let a suspended person back in."""
    return await service.restore(tx, who, user_id)


@router.put("/users/{user_id}/administrator")
@needs(ADMINISTRATOR, fresh=True)
async def set_administrator(tx: PrimaryTx, who: Who, user_id: UUID, wanted: AdministratorChange) -> Person:
    """Have a person run the hub, or no longer; the last who does stays."""
    return await service.set_administrator(tx, who, user_id, is_one=wanted.administrator)


@router.post("/users/{user_id}/impersonate", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(ADMINISTRATOR, fresh=True)
async def impersonate_person(tx: PrimaryTx, who: Who, user_id: UUID, wanted: NewImpersonation) -> Impersonation:
    """Act as a person for half an hour, by the header `Lyceum-As`; both stand in the audit log."""
    return await service.begin_impersonation(tx, who, user_id, reason=wanted.reason)


@router.delete("/impersonation", status_code=204)
@needs(ADMINISTRATOR)
async def end_impersonation(tx: PrimaryTx, who: Who) -> Response:
    """Act as nobody else any more; sent without the header."""
    require_operator(who)
    await service.end_impersonations(tx, who)
    return Response(status_code=204)


@router.get("/organisations")
@needs(ADMINISTRATOR)
async def list_organisations_of_hub(
    tx: PrimaryTx, who: Who, search: Search = None, limit: Limit = 50, cursor: Cursor = None
) -> OrganisationSummaryPage:
    """List the organisations of the hub with what is in them, oldest first."""
    items = await queries.list_organisations(tx, who, search=search, limit=limit, after=decode_cursor(cursor))
    return OrganisationSummaryPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/organisations/{org}/groups")
@needs(ADMINISTRATOR)
async def list_groups_of_organisation(
    tx: PrimaryTx, who: Who, org: str, limit: Limit = 50, cursor: Cursor = None
) -> GroupPage:
    """List the groups of an organisation, newest first, such as sign-on rules can lead into."""
    items = await queries.list_groups(tx, who, org, limit=limit, before=decode_cursor(cursor))
    return GroupPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/schedules")
@needs(ADMINISTRATOR)
async def list_schedules_of_hub(
    tx: PrimaryTx,
    who: Who,
    schedules: Annotated[tuple[Schedule, ...], Depends(_schedules)],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> HubSchedulePage:
    """List what comes round: of the hub itself, then of organisations."""
    items, ids = await queries.list_schedules(tx, who, limit=limit, after=decode_cursor(cursor))
    own = queries.schedules_of_hub(schedules) if cursor is None else []
    return HubSchedulePage(items=[*own, *items], next=next_cursor(ids, limit))


@router.post("/schedules/{kind}/run")
@needs(ADMINISTRATOR)
async def run_schedule_of_hub(
    tx: PrimaryTx, who: Who, schedules: Annotated[tuple[Schedule, ...], Depends(_schedules)], kind: str
) -> ScheduledJob:
    """Put work of the hub itself on the queue now, beside its rounds; one that waits or runs already is not doubled."""
    return ScheduledJob(job_id=await service.run_now(tx, who, schedules, kind))


@router.get("/status")
@needs(ADMINISTRATOR)
async def read_status(
    who: Who, resources: CurrentResources, checks: Annotated[tuple[StatusCheck, ...], Depends(_status_checks)]
) -> HubStatus:
    """Say what of the hub is set up, and what is not."""
    require_operator(who)
    return HubStatus(
        release=VERSION,
        database=await queries.database_release(resources),
        items=[await check(resources) for check in checks],
    )
