"""Taking one's data along, and leaving, over HTTP; for the person alone, signed in as themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.edge import KEEPS_ANSWER, CurrentResources, Who, api_router
from lyceum.accounts.needs import SIGNED_IN, needs
from lyceum.accounts.policy import Actor, require_person
from lyceum.accounts.privacy import queries, service
from lyceum.accounts.privacy.schemas import Deletion, NewDeletion, PersonalExport, PersonalExportPage
from lyceum.kernel.db import Scope
from lyceum.kernel.http.downloads import SHOWS_FILE, answer_download
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

router = api_router("/api/v1/me", tags=["privacy"])

_SHOWS_ARCHIVE: dict[int | str, dict[str, Any]] = {
    **SHOWS_FILE,
    409: {"description": "The archive is not ready"},
    410: {"description": "The time of the archive is over"},
}


@asynccontextmanager
async def _as_person(resources: Resources, who: Actor, *, writes: bool = False) -> AsyncIterator[AsyncSession]:
    """Yield a transaction that works for the person in no organisation: its jobs are to be seen by nobody of one."""
    async with aside(resources.database, Scope(user_id=require_person(who)), writes=writes) as tx:
        yield tx


@router.post("/export", status_code=202, dependencies=[KEEPS_ANSWER])
@needs(SIGNED_IN)
async def export_my_data(who: Who, resources: CurrentResources) -> PersonalExport:
    """Have an archive made of what the hub keeps of you; it can be downloaded for some days."""
    async with _as_person(resources, who, writes=True) as tx:
        return await service.ask_for_export(tx, who)


@router.get("/exports")
@needs(SIGNED_IN)
async def list_my_exports(
    who: Who, resources: CurrentResources, limit: Limit = 50, cursor: Cursor = None
) -> PersonalExportPage:
    """List your archives, newest first."""
    async with _as_person(resources, who) as tx:
        items = await queries.list_exports(tx, who, limit=limit, before=decode_cursor(cursor))
    return PersonalExportPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/exports/{export_id}/content", response_class=StreamingResponse, responses=_SHOWS_ARCHIVE)
@needs(SIGNED_IN)
async def download_my_export(request: Request, who: Who, resources: CurrentResources, export_id: UUID) -> Response:
    """Download an archive of yours, or a range of it."""
    async with _as_person(resources, who) as tx:
        download = await queries.download_for(tx, who, export_id)
    return await answer_download(request, resources.storage, download)


@router.post("/deletion", status_code=202, dependencies=[KEEPS_ANSWER])
@needs(SIGNED_IN, fresh=True)
async def delete_my_account(who: Who, resources: CurrentResources, wanted: NewDeletion | None = None) -> Deletion:
    """Ask for your account to be deleted; it is done some days later, unless you call it off."""
    names = (wanted or NewDeletion()).delete_organisations
    async with _as_person(resources, who, writes=True) as tx:
        return await service.ask_for_deletion(tx, who, resources.settings, names)


@router.get("/deletion")
@needs(SIGNED_IN)
async def read_my_deletion(who: Who, resources: CurrentResources) -> Deletion:
    """Read when your account goes."""
    async with _as_person(resources, who) as tx:
        return await queries.deletion_for(tx, who)


@router.delete("/deletion", status_code=204)
@needs(SIGNED_IN)
async def keep_my_account(who: Who, resources: CurrentResources) -> Response:
    """Stay after all."""
    async with _as_person(resources, who, writes=True) as tx:
        await service.stay(tx, who)
    return Response(status_code=204)
