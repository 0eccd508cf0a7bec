"""Incidents over HTTP."""

from collections.abc import Sequence
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from lyceum.accounts.edge import KEEPS_ANSWER, Power, Tx, Who, api_router, needs, needs_of_object
from lyceum.accounts.public import require_person
from lyceum.data.incidents import limits, queries, service
from lyceum.data.incidents.consumers import ConsumersOf
from lyceum.data.incidents.rule_routes import router as rule_router
from lyceum.data.incidents.schemas import (
    Acknowledgement,
    Assignment,
    Incident,
    IncidentCount,
    IncidentDetail,
    IncidentEvent,
    IncidentEventPage,
    IncidentPage,
    IncidentSettings,
    IncidentSettingsChange,
    ListedState,
    NewComment,
    Reopening,
    ResolutionGiven,
    Severity,
    Snooze,
)
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of, shows_revision

router = api_router(tags=["incidents"])

_ADDRESS_CHARACTERS_MAX = 200
Dataset = Annotated[
    str | None, Query(max_length=_ADDRESS_CHARACTERS_MAX, description="Only those of a dataset, as `org/name`.")
]
States = Annotated[list[ListedState] | None, Query(description="Only those in one of these states.", max_length=5)]
Severities = Annotated[list[Severity] | None, Query(description="Only those of these severities.", max_length=3)]
Assignee = Annotated[UUID | None, Query(description="Only those that somebody looks after.")]
Mine = Annotated[bool, Query(description="Only those that you look after.")]


def _asked(request: Request) -> Sequence[ConsumersOf]:
    return cast("Sequence[ConsumersOf]", request.app.state.consumers)


Asked = Annotated[Sequence[ConsumersOf], Depends(_asked)]


@router.get("/incidents")
@needs_of_object(Power.DATASETS_READ)
async def list_incidents(
    tx: Tx,
    who: Who,
    state: States = None,
    severity: Severities = None,
    dataset: Dataset = None,
    assignee: Assignee = None,
    *,
    mine: Mine = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> IncidentPage:
    """List incidents of the datasets you see the checks of, those that opened last first."""
    wanted = queries.Wanted(
        states=state or (),
        severities=severity or (),
        dataset=dataset,
        assignee_id=require_person(who) if mine else assignee,
    )
    items = await queries.list_incidents(tx, who, wanted, limit=limit, before=decode_cursor(cursor))
    return IncidentPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/incidents/count")
@needs_of_object(Power.DATASETS_READ)
async def count_incidents(tx: Tx, who: Who, dataset: Dataset = None) -> IncidentCount:
    """Count the incidents that are not resolved: of a dataset, or of the organisation you act in."""
    return await queries.count_incidents(tx, who, dataset=dataset)


@router.get("/incidents/{incident_id}")
@needs_of_object(Power.DATASETS_READ)
async def read_incident(tx: Tx, who: Who, asked: Asked, incident_id: UUID) -> IncidentDetail:
    """Read an incident, with what was trained on the versions it was seen on."""
    return await queries.incident_for(tx, who, incident_id, asked=asked)


@router.get("/incidents/{incident_id}/events")
@needs_of_object(Power.DATASETS_READ)
async def list_incident_events(
    tx: Tx, who: Who, incident_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> IncidentEventPage:
    """List what was seen and what people did, newest first."""
    items = await queries.list_events(tx, who, incident_id, limit=limit, before=decode_cursor(cursor))
    return IncidentEventPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.post("/incidents/{incident_id}/acknowledge")
@needs_of_object(Power.INCIDENTS_ACT)
async def acknowledge_incident(tx: Tx, who: Who, incident_id: UUID, wanted: Acknowledgement) -> Incident:
    """Say that you look after it; it is yours where it was nobody's."""
    return await service.acknowledge(tx, who, incident_id, comment=wanted.comment)


@router.put("/incidents/{incident_id}/assignee")
@needs_of_object(Power.INCIDENTS_ACT)
async def assign_incident(tx: Tx, who: Who, incident_id: UUID, wanted: Assignment) -> Incident:
    """Name who looks after it."""
    return await service.assign(tx, who, incident_id, to=wanted.user_id)


@router.post("/incidents/{incident_id}/snooze")
@needs_of_object(Power.INCIDENTS_ACT)
async def snooze_incident(tx: Tx, who: Who, incident_id: UUID, wanted: Snooze) -> Incident:
    """Have nobody hear of it until a time; null ends that."""
    return await service.snooze(tx, who, incident_id, until=wanted.until, comment=wanted.comment)


@router.post("/incidents/{incident_id}/resolve")
@needs_of_object(Power.INCIDENTS_ACT)
async def resolve_incident(tx: Tx, who: Who, incident_id: UUID, wanted: ResolutionGiven) -> Incident:
    """Say that it is over, and why."""
    return await service.resolve(tx, who, incident_id, resolution=wanted.resolution, comment=wanted.comment)


@router.post("/incidents/{incident_id}/reopen")
@needs_of_object(Power.INCIDENTS_ACT)
async def reopen_incident(tx: Tx, who: Who, incident_id: UUID, wanted: Reopening) -> Incident:
    """Say that it is not over after all."""
    return await service.reopen(tx, who, incident_id, comment=wanted.comment)


@router.post("/incidents/{incident_id}/comments", status_code=201, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.INCIDENTS_ACT)
async def comment_on_incident(tx: Tx, who: Who, incident_id: UUID, wanted: NewComment) -> IncidentEvent:
    """Leave a comment in its timeline."""
    return await service.comment_on(tx, who, incident_id, comment=wanted.comment)


@router.get("/organisations/{org}/incident-settings", responses=shows_revision(200))
@needs(Power.DATASETS_READ)
async def read_incident_settings(tx: Tx, who: Who, response: Response, org: str) -> IncidentSettings:
    """Read how long the organisation takes for incidents."""
    settings = await limits.settings_for(tx, who, org)
    response.headers["etag"] = etag_of(settings.revision)
    return settings


@router.put("/organisations/{org}/incident-settings", responses=CHANGES_REVISION)
@needs(Power.ALERTS_MANAGE)
async def change_incident_settings(
    tx: Tx, who: Who, response: Response, org: str, wanted: IncidentSettingsChange, if_match: IfMatch = None
) -> IncidentSettings:
    """Change how long the organisation takes; incidents that are open keep their limits."""
    changed = await limits.change_settings(tx, who, org, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


ROUTERS = (router, rule_router)
