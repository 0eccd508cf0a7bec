"""Accounts over HTTP: set-up and API keys."""

from uuid import UUID

from fastapi import Depends, Request, Response

from lyceum.accounts import queries, service
from lyceum.accounts.edge import (
    KEEPS_THAT_IT_WAS_DONE,
    CurrentResources,
    Facts,
    Tokens,
    Tx,
    Who,
    api_router,
    limit_sign_ins,
)
from lyceum.accounts.needs import OPEN, needs
from lyceum.accounts.policy import Power
from lyceum.accounts.schemas import (
    AdministratorReady,
    ApiKey,
    ApiKeyMade,
    ApiKeyPage,
    FirstAdministrator,
    NewApiKey,
)
from lyceum.accounts.sessions.public import answer_signed_in
from lyceum.kernel.http.origins import is_own_origin
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["accounts"])


@router.post("/setup", status_code=201, dependencies=[Depends(limit_sign_ins)])
@needs(OPEN)
async def set_up(
    request: Request,
    response: Response,
    resources: CurrentResources,
    tokens: Tokens,
    facts: Facts,
    wanted: FirstAdministrator,
) -> AdministratorReady:
    """Use the one-time set-up link; a page of the hub's own is signed in as well."""
    by_page = is_own_origin(request.headers, resources.settings)
    made = await service.set_up(resources, wanted, facts=facts if by_page else None)
    if made.begun is not None:
        await answer_signed_in(request, response, resources, tokens, made.begun, in_cookies=True)
    return AdministratorReady(organisation=made.organisation, key=made.key)


@router.post("/api-keys", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(Power.KEYS_MANAGE)
async def create_key(tx: Tx, who: Who, wanted: NewApiKey) -> ApiKeyMade:
    """Make a key; its secret is shown this once."""
    return await service.create_key(tx, who, wanted)


@router.get("/api-keys")
@needs(Power.KEYS_MANAGE)
async def list_keys(tx: Tx, who: Who, limit: Limit = 50, cursor: Cursor = None) -> ApiKeyPage:
    """List the organisation's keys, newest first."""
    keys = await queries.list_keys(tx, who, limit=limit, before=decode_cursor(cursor))
    return ApiKeyPage(items=keys, next=next_cursor([key.id for key in keys], limit))


@router.delete("/api-keys/{key_id}")
@needs(Power.KEYS_MANAGE)
async def revoke_key(tx: Tx, who: Who, key_id: UUID) -> ApiKey:
    """Revoke a key; within a second it opens nothing."""
    return await service.revoke_key(tx, who, key_id)
