"""Writes of sessions: signing in, going on, and signing out. Whatever signs somebody in ends in `begin_session`."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record_here
from lyceum.accounts.errors import AccountWaits, SessionNotFound, SessionRevoked, SignInRefused
from lyceum.accounts.events import SecurityChanged, SignedInFromNewDevice
from lyceum.accounts.factors.public import issue_ticket, second_factors_of
from lyceum.accounts.models import UserRow
from lyceum.accounts.sessions.devices import device_of
from lyceum.accounts.sessions.guessing import (
    begin_guess,
    guesser_of,
    note_right,
    note_wrong,
)
from lyceum.accounts.sessions.models import RefreshTokenRow, SessionRow
from lyceum.accounts.sessions.proofs import forget_session_after_commit
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of
from lyceum.kernel.tx import aside

REFRESH_MARK = "lyr"
_REFRESH_FORM = re.compile(rf"{REFRESH_MARK}_([0-9a-f]{{32}})_[A-Za-z0-9_-]{{43}}")
TWIN_GRACE = timedelta(seconds=10)
"""Within which tabs of one browser, and a request sent again, may use the same refresh token."""
FRESH_SECONDS = 600
"""For so long after signing in or stepping up, a session may do what weighs most."""
SESSIONS_MAX = 100
"""Of one person; the oldest ends when one more begins."""
ADDRESS_CHARACTERS_MAX = 45
SIGN_ON = "sign-on:"
"""Before a provider's name in what a session began with."""

_LOOKUP = text(
    "SELECT user_id, password_hash, suspended, awaits_email, awaits_consent FROM definer.sign_in_lookup(:email)"
)
_ENDED = "This session has ended; sign in again."
_OWNER = text("SELECT session_id, user_id FROM definer.refresh_token_owner(:digest)")
_REFRESH = text(
    "SELECT outcome, session_id, user_id, expires_at "
    "FROM definer.session_refresh(:old, :new, :address, :idle, :longest, :grace)"
)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is noted of the request that signs somebody in: the client's address and its `User-Agent`.

    `network` is what its failures are counted for: the address, or the network of its site.
    """

    address: str
    network: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class BegunSession:
    """A session that has begun or goes on, with the refresh token that its owner is shown this once."""

    session_id: UUID
    user_id: UUID
    refresh_token: str = field(repr=False)
    expires_at: datetime
    row: SessionRow | None = field(repr=False, default=None)
    """What was written, where it has just begun."""


@dataclass(frozen=True, slots=True)
class SecondFactorWanted:
    """The first factor was right; the ticket vouches for that for a few minutes."""

    user_id: UUID
    ticket: str = field(repr=False)
    methods: tuple[str, ...]


async def sign_in(
    resources: Resources, *, email: str, password: str, facts: RequestFacts
) -> BegunSession | SecondFactorWanted:
    """Begin a session for whoever knows the password, or ask for a second factor.

    Raises `SignInRefused`, for somebody unknown in the same words and after the same time, `AccountWaits`, and `OverLimit`.
    """
    async with resources.passwords.turn():
        return await _sign_in(resources, email=email, password=password, facts=facts)


async def _sign_in(
    resources: Resources, *, email: str, password: str, facts: RequestFacts
) -> BegunSession | SecondFactorWanted:
    guesser = guesser_of(resources, email=email, network=facts.network)
    async with aside(resources.database, NOBODY) as tx:
        await begin_guess(tx, resources, guesser)
        found = (await tx.execute(_LOOKUP, {"email": email})).one_or_none()
    password_hash = found.password_hash if found is not None else None
    right, better_hash = await resources.passwords.verify(password, password_hash)
    if found is None or not right or found.suspended:
        if found is not None:
            note_audit("user", found.user_id, actor_id=found.user_id)
        await note_wrong(resources, guesser)
        raise SignInRefused("The e-mail address or the password is not right; try again, or have the password reset.")
    refused = _what_is_awaited(found)
    async with aside(resources.database, Scope(user_id=found.user_id)) as tx:
        await note_right(tx, resources, guesser)
        if better_hash is not None:
            await tx.execute(update(UserRow).where(UserRow.id == found.user_id).values(password_hash=better_hash))
        if refused is None:
            return await after_first_factor(tx, resources, found.user_id, facts=facts, signed_in_with="password")
    raise refused


def _what_is_awaited(found: Any) -> AccountWaits | None:
    if found.awaits_email:
        told = "Confirm your address first: open the link in the letter that was sent to it."
        return AccountWaits(told, waits_for="email")
    if found.awaits_consent:
        told = "A guardian has to agree to your account first, by the link they were sent."
        return AccountWaits(told, waits_for="guardian")
    return None


async def after_first_factor(
    tx: AsyncSession, resources: Resources, user_id: UUID, *, facts: RequestFacts, signed_in_with: str
) -> BegunSession | SecondFactorWanted:
    """Begin a session, or ask for a second factor where the person has one; `tx` works for the person."""
    methods = await second_factors_of(tx, user_id)
    if methods:
        ticket = await issue_ticket(tx, user_id, signed_in_with=signed_in_with)
        return SecondFactorWanted(user_id, ticket, methods)
    return await begin_session(tx, user_id, settings=resources.settings, facts=facts, signed_in_with=signed_in_with)


async def begin_session(
    tx: AsyncSession,
    user_id: UUID,
    *,
    settings: Settings,
    facts: RequestFacts,
    signed_in_with: str,
    impersonator_id: UUID | None = None,
) -> BegunSession:
    """Begin a session of a person who has shown who they are; `tx` works for them.

    Everything that signs somebody in goes through here. Publishes `SignedInFromNewDevice` where it is not their first.
    """
    now = datetime.now(UTC)
    device, address = device_of(facts.user_agent), facts.address[:ADDRESS_CHARACTERS_MAX]
    session = SessionRow(
        id=new_id(),
        user_id=user_id,
        signed_in_with=signed_in_with,
        device=device,
        address=address,
        expires_at=now + min(timedelta(days=settings.session_idle_days), timedelta(days=settings.session_days_max)),
        # whoever acts as somebody else has not shown to be them
        stepped_up_until=now + timedelta(seconds=FRESH_SECONDS) if impersonator_id is None else None,
        impersonator_id=impersonator_id,
    )
    before = await _sessions_before(tx, user_id, device=device)
    refresh_token = _new_refresh_token(session.id)
    note_audit("session", session.id)
    record_here(tx, Scope(user_id=user_id))
    tx.add(session)
    await tx.flush()
    tx.add(RefreshTokenRow(digest=digest_of(refresh_token), session_id=session.id, generation=0))
    await tx.flush()
    await tx.refresh(session)
    if before.any_session and not before.same_device and impersonator_id is None:
        await publish(tx, SignedInFromNewDevice(session_id=session.id, user_id=user_id))
    if before.live >= SESSIONS_MAX:
        await _end_oldest(tx, user_id)
    return BegunSession(session.id, user_id, refresh_token, session.expires_at, session)


async def mark_fresh(tx: AsyncSession, user_id: UUID, session_id: UUID) -> datetime:
    """Let a session do what weighs most for `FRESH_SECONDS`: its owner has shown that it is them; return until when.

    `tx` works for the person. Raises `SessionRevoked`.
    """
    until = datetime.now(UTC) + timedelta(seconds=FRESH_SECONDS)
    own = (SessionRow.id == session_id, SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
    marked = update(SessionRow).where(*own).values(stepped_up_until=until)
    if await tx.scalar(marked.returning(SessionRow.id)) is None:
        raise SessionRevoked(_ENDED)
    forget_session_after_commit(tx, session_id)
    return until


async def refresh(resources: Resources, refresh_token: str, *, facts: RequestFacts) -> BegunSession:
    """Let a session go on with a new refresh token in the place of the one that is used; raises `SessionRevoked`.

    A token that was used before has been taken by somebody: the session ends, whoever comes with it.
    """
    session_id = session_of_refresh_token(refresh_token)
    if session_id is None:
        raise SessionRevoked(_ENDED)
    fresh, settings = _new_refresh_token(session_id), resources.settings
    asked = {
        "old": digest_of(refresh_token),
        "new": digest_of(fresh),
        "address": facts.address[:ADDRESS_CHARACTERS_MAX],
        "idle": timedelta(days=settings.session_idle_days),
        "longest": timedelta(days=settings.session_days_max),
        "grace": TWIN_GRACE,
    }
    async with aside(resources.database, NOBODY) as tx:
        row = (await tx.execute(_REFRESH, asked)).one()
        if row.outcome == "reused":
            forget_session_after_commit(tx, row.session_id)
            await publish(tx, SecurityChanged(user_id=row.user_id, what="refresh_token_reused"))
    if row.outcome != "refreshed":
        raise SessionRevoked(_ENDED)
    return BegunSession(row.session_id, row.user_id, fresh, row.expires_at)


async def revoke_session(tx: AsyncSession, user_id: UUID, session_id: UUID) -> None:
    """End one of a person's sessions; raises `SessionNotFound`. Ending it twice changes nothing."""
    own = (SessionRow.id == session_id, SessionRow.user_id == user_id)
    if await tx.scalar(select(SessionRow.id).where(*own)) is None:
        raise SessionNotFound(f"You have no session {session_id}.")
    await tx.execute(update(SessionRow).where(*own, SessionRow.revoked_at.is_(None)).values(revoked_at=func.now()))
    forget_session_after_commit(tx, session_id)


async def revoke_sessions(tx: AsyncSession, user_id: UUID, *, but: UUID | None = None) -> int:
    """End all of a person's sessions, but for one if that is named; return how many. `tx` works for the person."""
    ended = update(SessionRow).where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
    if but is not None:
        ended = ended.where(SessionRow.id != but)
    session_ids = list(await tx.scalars(ended.values(revoked_at=func.now()).returning(SessionRow.id)))
    for session_id in session_ids:
        forget_session_after_commit(tx, session_id)
    return len(session_ids)


@dataclass(frozen=True, slots=True)
class _Before:
    live: int
    any_session: bool
    same_device: bool


async def _sessions_before(tx: AsyncSession, user_id: UUID, *, device: str) -> _Before:
    live = func.count().filter(SessionRow.revoked_at.is_(None), SessionRow.expires_at > func.now())
    same = func.count().filter(SessionRow.device == device)
    row = (await tx.execute(select(live, func.count(), same).where(SessionRow.user_id == user_id))).one()
    return _Before(live=row[0], any_session=row[1] > 0, same_device=row[2] > 0)


async def _end_oldest(tx: AsyncSession, user_id: UUID) -> None:
    oldest = (
        select(SessionRow.id)
        .where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
        .order_by(SessionRow.id.desc())
        .offset(SESSIONS_MAX)
    )
    for session_id in list(await tx.scalars(oldest)):
        await revoke_session(tx, user_id, session_id)


def session_of_refresh_token(refresh_token: str) -> UUID | None:
    """Return which session a token says it is of; whether it is, only its digest tells."""
    match = _REFRESH_FORM.fullmatch(refresh_token)
    return UUID(hex=match[1]) if match is not None else None


async def sign_out(resources: Resources, refresh_token: str) -> None:
    """End the session a refresh token belongs to; nothing happens where it belongs to none."""
    if session_of_refresh_token(refresh_token) is None:
        return
    async with aside(resources.database, NOBODY) as tx:
        found = (await tx.execute(_OWNER, {"digest": digest_of(refresh_token)})).one_or_none()
    if found is None:
        return
    async with aside(resources.database, Scope(user_id=found.user_id)) as tx:
        await revoke_session(tx, found.user_id, found.session_id)


def _new_refresh_token(session_id: UUID) -> str:
    return f"{REFRESH_MARK}_{session_id.hex}_{secrets.token_urlsafe(32)}"
