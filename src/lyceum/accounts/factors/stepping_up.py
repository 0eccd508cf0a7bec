"""Stepping up: whoever is signed in shows again that it is them, and for some minutes may do what weighs most."""

from uuid import UUID

from sqlalchemy import select

from lyceum.accounts.errors import StepUpRefused
from lyceum.accounts.factors import ceremonies
from lyceum.accounts.factors.queries import list_passkeys, second_factors_of
from lyceum.accounts.factors.schemas import PasskeyOptions, SteppedUp, StepUp
from lyceum.accounts.factors.showing import guess_limit, owner_by_passkey, use_app_code
from lyceum.accounts.models import UserRow
from lyceum.accounts.policy import Actor, NotAllowed, SignInNeeded, require_person
from lyceum.accounts.sessions.public import (
    Guesser,
    RequestFacts,
    begin_guess,
    guesser_of,
    mark_fresh,
    note_right,
    note_wrong,
    refuse_barred_address,
)
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside


async def step_up(resources: Resources, who: Actor, given: StepUp, *, facts: RequestFacts) -> SteppedUp:
    """Mark the session as one whose owner has just shown that it is them, for `FRESH_SECONDS`.

    Whoever has a second factor shows that; a password then does not do. Raises `StepUpRefused`, `PasskeyRefused`,
    `OverLimit`, and `NotAllowed` for whoever acts as somebody else.
    """
    user_id, session_id = _session_of(who)
    async with aside(resources.database, Scope(user_id=user_id), writes=False) as tx:
        methods = tuple(way for way in await second_factors_of(tx, user_id) if way != "recovery") or ("password",)
    way = next(name for name in ("password", "totp", "passkey") if getattr(given, name) is not None)
    if way not in methods:
        raise StepUpRefused(f"Confirm that it is you by one of: {', '.join(methods)}.", methods=list(methods))
    if given.password is not None:
        await _show_password(resources, user_id, given.password, facts=facts)
    elif given.totp is not None:
        await _show_code(resources, user_id, given.totp, facts=facts)
    elif given.passkey is not None:
        purpose = ceremonies.stepping_up(session_id)
        await owner_by_passkey(resources, purpose, given.passkey, of=user_id, verifies_person=False)
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        return SteppedUp(stepped_up_until=await mark_fresh(tx, user_id, session_id))


async def ask_passkey(resources: Resources, who: Actor) -> PasskeyOptions:
    """Return what one of the caller's passkeys is to sign; raises `PasskeysImpossible`."""
    user_id, session_id = _session_of(who)
    async with aside(resources.database, Scope(user_id=user_id), writes=False) as tx:
        present = await list_passkeys(tx, user_id)
    if not present:
        raise StepUpRefused("You have no passkey here; confirm that it is you in another way.")
    purpose = ceremonies.stepping_up(session_id)
    return PasskeyOptions(
        public_key=await ceremonies.ask_to_sign(resources, purpose, present=present, verifies_person=False)
    )


async def _show_password(resources: Resources, user_id: UUID, password: str, *, facts: RequestFacts) -> None:
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        mine = select(UserRow.email, UserRow.password_hash).where(UserRow.id == user_id)
        row = (await tx.execute(mine)).one()
    # by the same name as at sign-in, so that guesses count together
    guesser = guesser_of(resources, email=row.email or user_id.hex, network=facts.network)
    async with aside(resources.database, NOBODY) as tx:
        await begin_guess(tx, resources, guesser)
    right, _ = await resources.passwords.verify(password, row.password_hash)
    if not right:
        await note_wrong(resources, guesser)
        raise StepUpRefused("The password is not right; try again.")
    async with aside(resources.database, NOBODY) as tx:
        await note_right(tx, resources, guesser)


async def _show_code(resources: Resources, user_id: UUID, code: str, *, facts: RequestFacts) -> None:
    guesser = Guesser("", facts.network)
    limit = guess_limit(resources.settings)
    async with aside(resources.database, NOBODY) as tx:
        await refuse_barred_address(tx, resources, guesser)
        await resources.failures.count(tx, limit, user_id.hex)
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        if await use_app_code(tx, resources.sealer, user_id, code):
            await resources.failures.forget(tx, limit, user_id.hex)
            return
    await note_wrong(resources, guesser)
    raise StepUpRefused("This code is not right, or it was used before; give the next one.")


def _session_of(who: Actor) -> tuple[UUID, UUID]:
    user_id = require_person(who)
    if who.impersonator_id is not None:
        raise NotAllowed("You act as somebody else; only they themselves can do this.")
    if who.session_id is None:
        raise SignInNeeded("Sign in as yourself first.")
    return user_id, who.session_id
