"""Grants and requests for access over HTTP."""

from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from lyceum.accounts.edge import KEEPS_ANSWER, KNOWN, Power, Tx, Who, api_router, needs
from lyceum.accounts.grants import queries, service
from lyceum.accounts.grants.kinds import Grantable
from lyceum.accounts.grants.schemas import (
    AccessAskedFor,
    AccessRequest,
    AccessRequestPage,
    Approval,
    Grant,
    GrantPage,
    GrantToMePage,
    Kind,
    NewAccessRequest,
    NewGrant,
    Refusal,
    RequestState,
)
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["grants"])


def _grantable(request: Request) -> Grantable:
    return cast("Grantable", request.app.state.grantable)


Kinds = Annotated[Grantable, Depends(_grantable)]


@router.get("/grants")
@needs(Power.GRANTS_MANAGE)
async def list_grants(
    tx: Tx,
    who: Who,
    grantable: Kinds,
    kind: Kind | None = None,
    address: Annotated[str | None, Query(max_length=200, description="With `kind`: of this object alone.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> GrantPage:
    """List what your organisation has granted, the newest first."""
    before = decode_cursor(cursor)
    items = await queries.list_grants(tx, who, grantable, kind=kind, address=address, limit=limit, before=before)
    return GrantPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/grants-to-me")
@needs(KNOWN)
async def list_grants_to_me(
    tx: Tx, who: Who, grantable: Kinds, limit: Limit = 50, cursor: Cursor = None
) -> GrantToMePage:
    """List what you were granted, by yourself or in a group, the newest first."""
    items = await queries.list_grants_to_me(tx, who, grantable, limit=limit, before=decode_cursor(cursor))
    return GrantToMePage(items=items, next=next_cursor([item.id for item in items], limit))


@router.post("/grants", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(Power.GRANTS_MANAGE)
async def grant_object(tx: Tx, who: Who, grantable: Kinds, wanted: NewGrant) -> Grant:
    """Give a person or a group a role on one object; given again, it is changed."""
    return await service.grant(tx, who, grantable, wanted)


@router.delete("/grants/{grant_id}", status_code=204)
@needs(KNOWN)
async def take_grant_back(tx: Tx, who: Who, grant_id: UUID) -> Response:
    """End a grant of your organisation, or give back what you were granted."""
    await service.take_back(tx, who, grant_id)
    return Response(status_code=204)


@router.post("/access-requests", status_code=202, dependencies=[KEEPS_ANSWER])
@needs(KNOWN)
async def ask_for_access(tx: Tx, who: Who, grantable: Kinds, wanted: NewAccessRequest) -> AccessAskedFor:
    """Ask for access to an object, with a reason; the answer is the same whether there is such an object or not."""
    await service.ask(tx, who, grantable, wanted)
    return AccessAskedFor(state="asked")


@router.get("/access-requests")
@needs(KNOWN)
async def list_access_requests(
    tx: Tx,
    who: Who,
    of: Annotated[
        Literal["me", "organisation"], Query(description="What you asked for, or what your organisation is to decide.")
    ] = "me",
    state: RequestState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AccessRequestPage:
    """List requests for access, the newest first."""
    read = queries.list_own_requests if of == "me" else queries.list_requests_to_decide
    items = await read(tx, who, state=state, limit=limit, before=decode_cursor(cursor))
    return AccessRequestPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.post("/access-requests/{request_id}/approve")
@needs(Power.GRANTS_MANAGE)
async def approve_access(tx: Tx, who: Who, request_id: UUID, wanted: Approval) -> AccessRequest:
    """Grant what was asked for."""
    return await service.approve(tx, who, request_id, wanted)


@router.post("/access-requests/{request_id}/refuse")
@needs(Power.GRANTS_MANAGE)
async def refuse_access(tx: Tx, who: Who, request_id: UUID, wanted: Refusal | None = None) -> AccessRequest:
    """Decide against a request."""
    return await service.refuse(tx, who, request_id, note=wanted.note if wanted else "")
