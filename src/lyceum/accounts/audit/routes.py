"""The audit log over HTTP: of the organisation acted in, and of the whole hub."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.export import MEDIA_TYPES, PAGE_ENTRIES, exported
from lyceum.accounts.audit.queries import list_audit, list_audit_of_all
from lyceum.accounts.audit.schemas import (
    ActionFilter,
    ActorFilter,
    AuditEntry,
    AuditFilter,
    AuditPage,
    ExportFormat,
    FromFilter,
    KindFilter,
    ObjectFilter,
    ToFilter,
)
from lyceum.accounts.edge import CurrentResources, PrimaryTx, Who, api_router
from lyceum.accounts.needs import ADMINISTRATOR, needs
from lyceum.accounts.policy import Power, require, require_operator
from lyceum.kernel.http.downloads import content_disposition
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["audit"])

Form = Annotated[ExportFormat, Query(alias="format", description="Comma-separated values, or one JSON object a line.")]
OfOrganisation = Annotated[UUID | None, Query(description="Only of this organisation.")]


def _filter(
    actor: ActorFilter = None,
    action: ActionFilter = None,
    kind: KindFilter = None,
    of: Annotated[ObjectFilter, Query(alias="object")] = None,
    since: FromFilter = None,
    until: ToFilter = None,
) -> AuditFilter:
    return AuditFilter(actor, action, kind, of, since, until)


Wanted = Annotated[AuditFilter, Depends(_filter)]


def _filter_of_hub(wanted: Wanted, organisation: OfOrganisation = None) -> AuditFilter:
    return AuditFilter(
        wanted.actor_id,
        wanted.action,
        wanted.object_kind,
        wanted.object,
        wanted.from_time,
        wanted.to_time,
        organisation,
    )


WantedOfHub = Annotated[AuditFilter, Depends(_filter_of_hub)]


@router.get("/audit")
@needs(Power.AUDIT_READ)
async def read_audit(tx: PrimaryTx, who: Who, wanted: Wanted, limit: Limit = 50, cursor: Cursor = None) -> AuditPage:
    """List who changed what in the organisation, and who read what is sensitive, newest first."""
    items = await list_audit(tx, who, wanted, limit=limit, before=decode_cursor(cursor))
    return AuditPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/audit/export", response_class=StreamingResponse)
@needs(Power.AUDIT_READ)
async def export_audit(who: Who, resources: CurrentResources, wanted: Wanted, form: Form = "csv") -> Response:
    """Download the organisation's log, newest first."""
    require(who, Power.AUDIT_READ)

    async def list_page(tx: AsyncSession, before: UUID | None) -> list[AuditEntry]:
        return await list_audit(tx, who, wanted, limit=PAGE_ENTRIES, before=before)

    return _download(exported(resources.database, who.scope, list_page, form), form)


@router.get("/admin/audit")
@needs(ADMINISTRATOR)
async def read_audit_of_hub(
    tx: PrimaryTx, who: Who, wanted: WantedOfHub, limit: Limit = 50, cursor: Cursor = None
) -> AuditPage:
    """List what was done in all organisations and in none, newest first; for whoever runs the hub."""
    items = await list_audit_of_all(tx, who, wanted, limit=limit, before=decode_cursor(cursor))
    return AuditPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/admin/audit/export", response_class=StreamingResponse)
@needs(ADMINISTRATOR)
async def export_audit_of_hub(
    who: Who, resources: CurrentResources, wanted: WantedOfHub, form: Form = "csv"
) -> Response:
    """Download the log of the whole hub, newest first; for whoever runs it."""
    require_operator(who)

    async def list_page(tx: AsyncSession, before: UUID | None) -> list[AuditEntry]:
        return await list_audit_of_all(tx, who, wanted, limit=PAGE_ENTRIES, before=before)

    return _download(exported(resources.database, who.scope, list_page, form), form)


def _download(chunks: AsyncIterator[bytes], form: ExportFormat) -> Response:
    headers = {
        "content-disposition": content_disposition(f"audit-{datetime.now(UTC):%Y-%m-%d}.{form}"),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(chunks, media_type=MEDIA_TYPES[form], headers=headers)
