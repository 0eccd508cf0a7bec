"""Notices over HTTP: the inbox, and by which ways somebody wants to be told."""

from typing import Annotated

from fastapi import Query

from lyceum.accounts.edge import SIGNED_IN, CurrentResources, PrimaryTx, Tx, Who, api_router, needs
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.tx import aside
from lyceum.notify import queries, service, wishes
from lyceum.notify.destination_routes import router as destination_router
from lyceum.notify.mail_routes import router as mail_router
from lyceum.notify.push_routes import router as push_router
from lyceum.notify.schemas import InboxCount, InboxPage, PreferenceChange, Preferences, ReadNotices, UnreadNotices

router = api_router(tags=["notify"])

COUNT_KEPT_SECONDS = 60


@router.get("/inbox")
@needs(SIGNED_IN)
async def list_inbox(
    tx: PrimaryTx,
    who: Who,
    unread: Annotated[bool, Query(description="Only what has not been read.")] = False,  # noqa: FBT002 a query's field
    limit: Limit = 50,
    cursor: Cursor = None,
) -> InboxPage:
    """List what you were told, of all your organisations, newest first."""
    items = await queries.list_notices(tx, who, limit=limit, before=decode_cursor(cursor), unread=unread)
    return InboxPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/inbox/count")
@needs(SIGNED_IN)
async def count_inbox(who: Who, resources: CurrentResources) -> InboxCount:
    """Say how many notices you have not read."""
    user_id = service.person_of(who)

    async def load() -> int:
        async with aside(resources.database, who.scope, writes=False) as tx:
            return await service.count_unread(tx, user_id)

    unread = await resources.cache.get(
        "inbox_counts", user_id.hex, load, tags=[service.count_tag(user_id)], seconds=COUNT_KEPT_SECONDS, as_type=int
    )
    return InboxCount(unread=unread or 0)


@router.post("/inbox/read")
@needs(SIGNED_IN)
async def mark_read(tx: Tx, who: Who, wanted: ReadNotices) -> InboxCount:
    """Say that you have read some notices, or all up to one."""
    await service.mark_read(tx, who, wanted.ids, up_to=wanted.up_to)
    return InboxCount(unread=await service.count_unread(tx, service.person_of(who)))


@router.post("/inbox/unread")
@needs(SIGNED_IN)
async def mark_unread(tx: Tx, who: Who, wanted: UnreadNotices) -> InboxCount:
    """Put notices back among those you have not read."""
    await service.mark_unread(tx, who, wanted.ids)
    return InboxCount(unread=await service.count_unread(tx, service.person_of(who)))


@router.get("/notification-preferences")
@needs(SIGNED_IN)
async def read_preferences(tx: PrimaryTx, who: Who) -> Preferences:
    """Show by which ways you are told what."""
    return await queries.preferences_of(tx, who)


@router.put("/notification-preferences")
@needs(SIGNED_IN)
async def change_preferences(tx: Tx, who: Who, wanted: PreferenceChange) -> Preferences:
    """Say by which ways you want to be told what; what you leave out goes by default."""
    return await wishes.change_preferences(tx, who, wanted)


ROUTERS = (router, mail_router, push_router, destination_router)
