"""Reads of sessions."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import SessionNotFound
from lyceum.accounts.policy import ANYONE, Actor, is_fresh, powers_in_session, refuse_stale
from lyceum.accounts.sessions.models import SessionRow
from lyceum.accounts.sessions.proofs import SessionProof
from lyceum.accounts.sessions.schemas import Session

_LOOKUP = text(
    "SELECT org_id, org_name, role, instance_admin, expires_at, stepped_up_until, impersonator_id, "
    "proofs "
    "FROM definer.session_lookup(:session, :person, :organisation)"
)


async def find_session_actor(tx: AsyncSession, proof: SessionProof) -> Actor:
    """Return who a session belongs to, `ANYONE` when it has ended; in no organisation where that named is not theirs.

    `tx` works for nobody.
    """
    asked = {"session": proof.session_id, "person": proof.user_id, "organisation": proof.organisation}
    row = (await tx.execute(_LOOKUP, asked)).one_or_none()
    if row is None:
        return ANYONE
    return Actor(
        org_id=row.org_id,
        org_name=row.org_name or "",
        user_id=proof.user_id,
        key_id=None,
        powers=powers_in_session(row.role, operates_hub=row.instance_admin),
        expires_at=row.expires_at,
        session_id=proof.session_id,
        impersonator_id=row.impersonator_id,
        stepped_up_until=row.stepped_up_until,
        proofs=tuple(row.proofs),
    )


async def refuse_stale_session(tx: AsyncSession, who: Actor) -> None:
    """Raise what `refuse_stale` does; a step-up of a moment ago counts already. For what only some requests of a route need.

    `tx` works for whoever asks.
    """
    if not is_fresh(who) and who.session_id is not None:
        mine = SessionRow.id == who.session_id, SessionRow.user_id == who.user_id
        who = replace(who, stepped_up_until=await tx.scalar(select(SessionRow.stepped_up_until).where(*mine)))
    refuse_stale(who)


async def list_sessions(
    tx: AsyncSession, user_id: UUID, *, current: UUID | None, limit: int, before: UUID | None = None
) -> list[Session]:
    """Return a person's live sessions, newest first; `before` is the last id of the page before."""
    query = (
        select(SessionRow)
        .where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None), SessionRow.expires_at > func.now())
        .order_by(SessionRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(SessionRow.id < before)
    return [as_session(row, current=current) for row in await tx.scalars(query)]


async def list_session_ids(tx: AsyncSession, user_id: UUID, *, signed_in_with: str) -> list[UUID]:
    """Return a person's live sessions that began in one way; nobody has more than `SESSIONS_MAX`."""
    live = (SessionRow.revoked_at.is_(None), SessionRow.expires_at > func.now())
    query = select(SessionRow.id).where(
        SessionRow.user_id == user_id, SessionRow.signed_in_with == signed_in_with, *live
    )
    return list(await tx.scalars(query.limit(1_000)))


async def session_for(tx: AsyncSession, user_id: UUID, session_id: UUID) -> Session:
    """Return one of a person's sessions as the one that asks; raises `SessionNotFound`."""
    row = await tx.scalar(select(SessionRow).where(SessionRow.id == session_id, SessionRow.user_id == user_id))
    if row is None:
        raise SessionNotFound(f"You have no session {session_id}.")
    return as_session(row, current=session_id)


def as_session(row: SessionRow, *, current: UUID | None) -> Session:
    """Return a session as its owner sees it."""
    return Session(
        id=row.id,
        device=row.device,
        address=row.address,
        signed_in_with=row.signed_in_with,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        stepped_up_until=row.stepped_up_until,
        current=row.id == current,
    )
