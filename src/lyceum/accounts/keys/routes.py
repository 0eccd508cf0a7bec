"""API keys over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query

from lyceum.accounts.edge import KEEPS_THAT_IT_WAS_DONE, KNOWN, Tx, Who, api_router, needs
from lyceum.accounts.keys import queries, service
from lyceum.accounts.schemas import ApiKey, ApiKeyMade, ApiKeyPage, NewApiKey, Rotation
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router("/api/v1/api-keys", tags=["accounts"])


@router.post("", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(KNOWN)
async def create_key(tx: Tx, who: Who, wanted: NewApiKey) -> ApiKeyMade:
    """Make a key; its secret is shown this once."""
    return await service.create_key(tx, who, wanted)


@router.get("")
@needs(KNOWN)
async def list_keys(
    tx: Tx,
    who: Who,
    of: Annotated[
        Literal["organisation", "me"], Query(description="All keys of the organisation, or your own.")
    ] = "organisation",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ApiKeyPage:
    """List keys, newest first, with when each was last used, to the minute."""
    read = queries.list_own_keys if of == "me" else queries.list_keys
    keys = await read(tx, who, limit=limit, before=decode_cursor(cursor))
    return ApiKeyPage(items=keys, next=next_cursor([key.id for key in keys], limit))


@router.delete("/{key_id}")
@needs(KNOWN)
async def revoke_key(tx: Tx, who: Who, key_id: UUID) -> ApiKey:
    """Revoke a key; within a second it opens nothing."""
    return await service.revoke_key(tx, who, key_id)


@router.post("/{key_id}/rotate", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(KNOWN)
async def replace_key(tx: Tx, who: Who, key_id: UUID, wanted: Rotation) -> ApiKeyMade:
    """Replace a key of yours by a new one; the old one works for some hours yet."""
    return await service.replace_key(tx, who, key_id, overlap_hours=wanted.overlap_hours)
