"""Reads of API keys."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import KeyNotFound
from lyceum.accounts.models import ApiKeyRow
from lyceum.accounts.policy import Actor, NotAllowed, OrganisationNeeded, Power, require, require_person
from lyceum.accounts.schemas import ApiKey


async def list_keys(tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None) -> list[ApiKey]:
    """Return the organisation's keys, newest first; `before` is the last id of the page before."""
    org_id = require(who, Power.KEYS_MANAGE)
    query = select(ApiKeyRow).where(ApiKeyRow.org_id == org_id).order_by(ApiKeyRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ApiKeyRow.id < before)
    return [as_key(row) for row in await tx.scalars(query)]


async def list_own_keys(tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None) -> list[ApiKey]:
    """Return the caller's own keys in the organisation acted in, newest first."""
    org_id = require_key_keeper(who)
    own = (ApiKeyRow.org_id == org_id, ApiKeyRow.user_id == who.user_id)
    query = select(ApiKeyRow).where(*own).order_by(ApiKeyRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ApiKeyRow.id < before)
    return [as_key(row) for row in await tx.scalars(query)]


async def key_row_for(tx: AsyncSession, who: Actor, key_id: UUID) -> ApiKeyRow:
    """Return a key, locked: one's own, or any of the organisation for who manages its keys; raises `KeyNotFound`."""
    org_id = require_key_keeper(who)
    wanted = select(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.org_id == org_id)
    if Power.KEYS_MANAGE not in who.powers:
        wanted = wanted.where(ApiKeyRow.user_id == who.user_id)
    key = await tx.scalar(wanted.with_for_update())
    if key is None:
        raise KeyNotFound(f"There is no key {key_id} in {who.org_name}.")
    return key


def require_key_keeper(who: Actor) -> UUID:
    """Return the organisation acted in of a person, who has keys of their own there; a key needs the power for it.

    Raises `SignInNeeded`, `OrganisationNeeded`, `NotAllowed`.
    """
    require_person(who)
    if who.key_id is not None:
        return require(who, Power.KEYS_MANAGE)
    if who.org_id is None:
        raise OrganisationNeeded("A key is for one organisation; make one, or accept an invitation to one.")
    return who.org_id


def refuse_others(who: Actor, key: ApiKeyRow) -> None:
    """Raise `NotAllowed` for what only a key's own person may do: the new secret would act for them."""
    if key.user_id != who.user_id:
        raise NotAllowed("Only the person a key belongs to replaces it; revoke it instead.")


def as_key(row: ApiKeyRow) -> ApiKey:
    """Return a key as its organisation sees it."""
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        user_id=row.user_id,
        last_used_at=row.last_used_at,
        rate_per_minute=row.rate_per_minute,
        replaced_by=row.replaced_by,
    )
