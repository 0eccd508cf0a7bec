"""Signing in with a factor: the second step after a password, or a passkey alone."""

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import SecondFactorRefused
from lyceum.accounts.factors import ceremonies
from lyceum.accounts.factors.queries import list_passkeys
from lyceum.accounts.factors.schemas import PasskeyOptions, SecondFactor, SignedCredential
from lyceum.accounts.factors.showing import guess_limit, owner_by_passkey, use_app_code, use_recovery_code
from lyceum.accounts.factors.tickets import Ticket, guess_with, owner_of, use_up
from lyceum.accounts.sessions.public import (
    SIGN_ON,
    BegunSession,
    Guesser,
    RequestFacts,
    begin_session,
    note_wrong,
    refuse_barred_address,
)
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside


async def sign_in_second(resources: Resources, given: SecondFactor, *, facts: RequestFacts) -> BegunSession:
    """Begin a session of whoever shows a second factor with the ticket of the first.

    A code counts as wrong, for its ticket and its account, until it has shown to be right. Raises `TicketRefused`,
    `SecondFactorRefused`, `PasskeyRefused` and `OverLimit`.
    """
    guesser = Guesser("", facts.network)
    async with aside(resources.database, NOBODY) as tx:
        await refuse_barred_address(tx, resources, guesser)
        ticket = await guess_with(tx, given.ticket)
        if given.passkey is None:
            await resources.failures.count(tx, guess_limit(resources.settings), ticket.user_id.hex)
    if given.passkey is not None:
        purpose = ceremonies.second_factor(ticket.id)
        await owner_by_passkey(resources, purpose, given.passkey, of=ticket.user_id, verifies_person=False)
    async with aside(resources.database, Scope(user_id=ticket.user_id)) as tx:
        way = "passkey" if given.passkey is not None else await _use_code(tx, resources, ticket, given)
        if way is not None:
            await use_up(tx, ticket)
            if given.passkey is None:
                # after the ticket: whoever guesses with it meanwhile counts in this order, too, and would wait for this one
                await resources.failures.forget(tx, guess_limit(resources.settings), ticket.user_id.hex)
            # a provider that says somebody has left finds their sessions by this
            by_provider = ticket.signed_in_with.startswith(SIGN_ON)
            with_both = ticket.signed_in_with if by_provider else f"{ticket.signed_in_with} and {way}"
            return await begin_session(
                tx, ticket.user_id, settings=resources.settings, facts=facts, signed_in_with=with_both
            )
    await note_wrong(resources, guesser)
    raise SecondFactorRefused("This code is not right, or it was used before; give the next one.")


async def ask_second_passkey(resources: Resources, ticket: str) -> PasskeyOptions:
    """Return what an authenticator is to sign as a second factor; raises `TicketRefused` and `PasskeysImpossible`."""
    async with aside(resources.database, NOBODY) as tx:
        ticket_id, user_id = await owner_of(tx, ticket)
    async with aside(resources.database, Scope(user_id=user_id), writes=False) as tx:
        present = await list_passkeys(tx, user_id)
    purpose = ceremonies.second_factor(ticket_id)
    return PasskeyOptions(
        public_key=await ceremonies.ask_to_sign(resources, purpose, present=present, verifies_person=False)
    )


async def ask_passkey(resources: Resources) -> PasskeyOptions:
    """Return what any passkey of this hub may sign to sign its owner in; raises `PasskeysImpossible`."""
    return PasskeyOptions(public_key=await ceremonies.ask_to_sign(resources, ceremonies.SIGN_IN, verifies_person=True))


async def sign_in_by_passkey(
    resources: Resources, credential: SignedCredential, *, facts: RequestFacts
) -> BegunSession:
    """Begin a session of whoever has a passkey and its PIN or finger, which are two factors; raises `PasskeyRefused`."""
    user_id = await owner_by_passkey(resources, ceremonies.SIGN_IN, credential, verifies_person=True)
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        return await begin_session(tx, user_id, settings=resources.settings, facts=facts, signed_in_with="passkey")


async def _use_code(tx: AsyncSession, resources: Resources, ticket: Ticket, given: SecondFactor) -> str | None:
    """Return what the code was that was right, None where it was wrong."""
    if given.totp is not None and await use_app_code(tx, resources.sealer, ticket.user_id, given.totp):
        return "totp"
    if given.recovery is not None and await use_recovery_code(tx, ticket.user_id, given.recovery):
        return "recovery code"
    return None
