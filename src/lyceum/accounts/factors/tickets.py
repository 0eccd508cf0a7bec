"""Tickets that say whose first factor was right: for a few minutes, a few guesses, and one session."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import TicketRefused
from lyceum.accounts.factors.models import TicketRow
from lyceum.kernel.security import digest_of, new_token

TICKET_SECONDS = 300
GUESSES_MAX = 5
_GUESS = text("SELECT ticket_id, user_id, signed_in_with FROM definer.ticket_guess(:digest, :guesses_max)")
_LOOK = text("SELECT ticket_id, user_id FROM definer.ticket_look(:digest, :guesses_max)")
_REFUSED = "This sign-in took too long, or too many wrong codes were given; begin again with your password."


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose first factor was right, and which it was."""

    id: UUID
    user_id: UUID
    signed_in_with: str


async def issue_ticket(tx: AsyncSession, user_id: UUID, *, signed_in_with: str) -> str:
    """Return a ticket of a person whose first factor was right; `tx` works for them."""
    token = new_token()
    expires_at = datetime.now(UTC) + timedelta(seconds=TICKET_SECONDS)
    row = TicketRow(digest=digest_of(token), user_id=user_id, signed_in_with=signed_in_with, expires_at=expires_at)
    tx.add(row)
    await tx.flush()
    return token


async def guess_with(tx: AsyncSession, token: str) -> Ticket:
    """Return whose ticket this is and count a guess on it; raises `TicketRefused`. `tx` works for nobody."""
    row = (await tx.execute(_GUESS, {"digest": digest_of(token), "guesses_max": GUESSES_MAX})).one_or_none()
    if row is None:
        raise TicketRefused(_REFUSED)
    return Ticket(row.ticket_id, row.user_id, row.signed_in_with)


async def owner_of(tx: AsyncSession, token: str) -> tuple[UUID, UUID]:
    """Return the ids of a ticket and of its person; raises `TicketRefused`. `tx` works for nobody."""
    row = (await tx.execute(_LOOK, {"digest": digest_of(token), "guesses_max": GUESSES_MAX})).one_or_none()
    if row is None:
        raise TicketRefused(_REFUSED)
    return row.ticket_id, row.user_id


async def use_up(tx: AsyncSession, ticket: Ticket) -> None:
    """Use a ticket for the session that begins in `tx`; raises `TicketRefused` where another has begun with it."""
    used = delete(TicketRow).where(TicketRow.id == ticket.id, TicketRow.user_id == ticket.user_id)
    if await tx.scalar(used.returning(TicketRow.id)) is None:
        raise TicketRefused(_REFUSED)
