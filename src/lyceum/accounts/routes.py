"""Accounts over HTTP: set-up, who am I, API keys."""

from uuid import UUID

from fastapi import Depends

from lyceum.accounts import queries, service
from lyceum.accounts.edge import KEEPS_THAT_IT_WAS_DONE, CurrentResources, Tx, Who, api_router, limit_sign_ins
from lyceum.accounts.needs import KNOWN, OPEN, needs
from lyceum.accounts.policy import Power, SignInNeeded
from lyceum.accounts.schemas import (
    AdministratorReady,
    ApiKey,
    ApiKeyMade,
    ApiKeyPage,
    FirstAdministrator,
    Me,
    NewApiKey,
)
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router(tags=["accounts"])


@router.post("/setup", status_code=201, dependencies=[Depends(limit_sign_ins)])
@needs(OPEN)
async def set_up(resources: CurrentResources, wanted: FirstAdministrator) -> AdministratorReady:
    """Use the one-time set-up link."""
    organisation, key = await service.set_up(resources, wanted)
    return AdministratorReady(organisation=organisation, key=key)


@router.get("/me")
@needs(KNOWN)
async def read_me(who: Who) -> Me:
    """Say who the key belongs to and what it may do."""
    if who.org_id is None or who.user_id is None:
        raise SignInNeeded("Send an API key as `Authorization: Bearer lyk_…`.")
    return Me(
        user_id=who.user_id,
        organisation_id=who.org_id,
        organisation=who.org_name,
        powers=sorted(who.powers),
        impersonator_id=who.impersonator_id,
    )


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
