"""Writes of API keys: make, replace, revoke."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.errors import ExpiryPast, KeyNotInUse, ScopeUnknown
from lyceum.accounts.keys.queries import as_key, key_row_for, refuse_others, require_key_keeper
from lyceum.accounts.known import forget_after_commit
from lyceum.accounts.models import ApiKeyRow
from lyceum.accounts.policy import OBJECT_POWERS, WEIGHTY_POWERS, WORK_SCOPES, Actor
from lyceum.accounts.schemas import ApiKey, ApiKeyMade, NewApiKey
from lyceum.accounts.sessions.public import refuse_stale_session
from lyceum.kernel.db import Scope
from lyceum.kernel.security import new_key


async def create_key(tx: AsyncSession, who: Actor, wanted: NewApiKey) -> ApiKeyMade:
    """Make a key with some of the caller's own powers; raises `ScopeUnknown` for any other, and `ExpiryPast`.

    One that may manage something takes somebody who has just shown that it is them: raises what `refuse_stale` does.
    """
    require_key_keeper(who)
    scopes = wanted.scopes
    if scopes is None:
        scopes = [scope for scope in WORK_SCOPES if scope in who.powers]
    _refuse_beyond(who, scopes)
    if not WEIGHTY_POWERS.isdisjoint(scopes):
        await refuse_stale_session(tx, who)
    if wanted.expires_at is not None and wanted.expires_at <= datetime.now(UTC):
        raise ExpiryPast(f"The key would have run out at {wanted.expires_at.isoformat()}; give a time to come.")
    made = await add_key(
        tx,
        who.scope,
        name=wanted.name,
        scopes=scopes,
        expires_at=wanted.expires_at,
        rate_per_minute=_rate_within(who, wanted.rate_per_minute),
    )
    note_audit("api_key", made.id, after=as_shown(made))
    return made


async def revoke_key(tx: AsyncSession, who: Actor, key_id: UUID) -> ApiKey:
    """Revoke a key of the organisation; raises `KeyNotFound`. Revoking twice changes nothing."""
    key = await key_row_for(tx, who, key_id)
    note_audit("api_key", key.id, before=as_key(key))
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        await tx.flush()
        forget_after_commit(tx, key.digest)
    return as_key(key)


async def replace_key(tx: AsyncSession, who: Actor, key_id: UUID, *, overlap_hours: float) -> ApiKeyMade:
    """Make a key that does what one of the caller's own did, which works beside it for some hours yet.

    The new one lasts as long as the old was made for. Raises `KeyNotFound`, `NotAllowed` for somebody else's, `ScopeUnknown`
    for one that may do more than the caller, `KeyNotInUse`, and for another key that may manage something what `refuse_stale`
    does.
    """
    old = await key_row_for(tx, who, key_id)
    refuse_others(who, old)
    note_audit("api_key", old.id, before=as_key(old))
    if old.id != who.key_id:
        _refuse_beyond(who, old.scopes)
        if not WEIGHTY_POWERS.isdisjoint(old.scopes):
            await refuse_stale_session(tx, who)
    now = datetime.now(UTC)
    if old.revoked_at is not None or old.replaced_by is not None or (old.expires_at and old.expires_at <= now):
        raise KeyNotInUse(f"The key {old.name} was revoked or replaced, or has run out; make another.")
    made = await add_key(
        tx,
        who.scope,
        name=old.name,
        scopes=old.scopes,
        expires_at=now + (old.expires_at - old.created_at) if old.expires_at else None,
        rate_per_minute=old.rate_per_minute,
    )
    ends_at = now + timedelta(hours=overlap_hours)
    old.expires_at = min(ends_at, old.expires_at) if old.expires_at else ends_at
    old.replaced_by = made.id
    note_audit(after=as_shown(made))
    await tx.flush()
    forget_after_commit(tx, old.digest)
    return made


async def add_key(
    tx: AsyncSession,
    scope: Scope,
    *,
    name: str,
    scopes: list[str],
    expires_at: datetime | None,
    rate_per_minute: int | None = None,
) -> ApiKeyMade:
    """Make a key for a person in an organisation; the caller has looked at what it may do."""
    secret = new_key()
    row = ApiKeyRow(
        org_id=scope.org_id,
        user_id=scope.user_id,
        name=name,
        prefix=secret.prefix,
        digest=secret.digest,
        scopes=scopes,
        expires_at=expires_at,
        rate_per_minute=rate_per_minute,
    )
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return ApiKeyMade(**as_key(row).model_dump(), secret=secret.secret)


def as_shown(made: ApiKeyMade) -> ApiKey:
    """Return a fresh key as it is shown from then on, without its secret."""
    return ApiKey.model_validate(made.model_dump(exclude={"secret"}))


def _refuse_beyond(who: Actor, scopes: list[str]) -> None:
    # a scope only limits: of what one may be granted on single objects it may leave more than one's role gives
    own = who.powers | (OBJECT_POWERS if who.scopes is None else OBJECT_POWERS & who.scopes)
    beyond = sorted(set(scopes) - own)
    if beyond:
        raise ScopeUnknown(f"You cannot give {', '.join(beyond)}; yours are {', '.join(sorted(own))}.")


def _rate_within(who: Actor, wanted: int | None) -> int | None:
    if who.rate_per_minute is None:
        return wanted
    return min(wanted or who.rate_per_minute, who.rate_per_minute)
