"""The programs somebody has let know them: shown to them, and parted with."""

from uuid import UUID

from sqlalchemy import delete, func, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import Actor, require_person
from lyceum.accounts.provider.errors import OauthClientNotFound
from lyceum.accounts.provider.models import OauthConsentRow, OauthGrantRow
from lyceum.accounts.provider.schemas import KnownProgram

_OWN = text("SELECT client_id, title, scopes, given_at FROM definer.oauth_programs_of_person()")


async def list_programs(tx: AsyncSession, who: Actor) -> list[KnownProgram]:
    """Return the programs that know the caller, by title; never more than there are programs, a hundred."""
    require_person(who)
    return [
        KnownProgram(id=row.client_id, title=row.title, scopes=row.scopes, given_at=row.given_at)
        for row in await tx.execute(_OWN)
    ]


async def part_with(tx: AsyncSession, who: Actor, client_id: UUID) -> None:
    """Have a program know the caller no longer: its tokens open nothing, and it has to ask again.

    Raises `OauthClientNotFound`.
    """
    user_id = require_person(who)
    own = (OauthConsentRow.user_id == user_id, OauthConsentRow.client_id == client_id)
    if await tx.scalar(delete(OauthConsentRow).where(*own).returning(OauthConsentRow.client_id)) is None:
        raise OauthClientNotFound(f"No program {client_id} knows you.")
    of_program = (OauthGrantRow.user_id == user_id, OauthGrantRow.client_id == client_id)
    ended = update(OauthGrantRow).where(*of_program, OauthGrantRow.revoked_at.is_(None))
    await tx.execute(ended.values(revoked_at=func.now()))
