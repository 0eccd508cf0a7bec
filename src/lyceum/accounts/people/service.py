"""Writes of people: profile, password, confirmed addresses, and links by which a password is set anew."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record_here
from lyceum.accounts.errors import LinkUsed, PasswordWrong, PersonNotFound
from lyceum.accounts.events import LetterWanted, SecurityChanged
from lyceum.accounts.models import UserRow
from lyceum.accounts.passwords import refuse_weak
from lyceum.accounts.people.links import (
    LIFETIMES,
    LinkKind,
    OneTimeLink,
    find_link,
    link_of_token,
    make_link,
    token_of,
    url_of,
    use_link,
    void_links,
)
from lyceum.accounts.people.schemas import Consented, EmailConfirmed, LinkMade, NewPassword, Profile
from lyceum.accounts.policy import Actor, require_person
from lyceum.accounts.sessions.public import (
    Guesser,
    begin_guess,
    guesser_of,
    note_right,
    note_wrong,
    revoke_sessions,
)
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.limits.failures import FailureLimit
from lyceum.kernel.limits.fields import OverLimit
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

_LETTERS = FailureLimit("letters", 5, 3600, 3600, "Several letters were sent to this address within an hour.")
USED = "This link was used, or has run out; ask for another one."
_BY_ID = text("SELECT user_id, email FROM definer.person_by_id(:id)")
_BY_EMAIL = text("SELECT user_id, email FROM definer.person_by_email(:email)")


async def change_profile(tx: AsyncSession, who: Actor, wanted: Profile) -> None:
    """Change what somebody is called, in which language they read and what they use the hub for; what is None stays."""
    user_id = require_person(who)
    values = wanted.model_dump(exclude_none=True)
    if values:
        await tx.execute(update(UserRow).where(UserRow.id == user_id).values(values))


async def change_password(resources: Resources, who: Actor, wanted: NewPassword, *, network: str) -> None:
    """Set a new password for whoever knows the present one, and end their other sessions.

    Raises `PasswordWrong`, `PasswordWeak` and `OverLimit`.
    """
    user_id = require_person(who)
    person = Scope(org_id=who.org_id, user_id=user_id)
    async with aside(resources.database, person, writes=False) as tx:
        row = await tx.get_one(UserRow, user_id)
        email, display_name, password_hash = row.email, row.display_name, row.password_hash
    guesser = await prove_password(
        resources, email=email or user_id.hex, password=wanted.current, password_hash=password_hash, network=network
    )
    refuse_weak(wanted.new, email=email, display_name=display_name)
    fresh = await resources.passwords.hash(wanted.new)
    async with aside(resources.database, person) as tx:
        await note_right(tx, resources, guesser)
        await _set_password(tx, user_id, fresh, but=who.session_id)
        note_audit("user", user_id)
        record_here(tx, who)


async def prove_password(
    resources: Resources, *, email: str, password: str, password_hash: str | None, network: str
) -> Guesser:
    """Return as whom somebody has shown their present password, counted with the guesses at sign-in until it is noted as right.

    Raises `PasswordWrong` and `OverLimit`.
    """
    guesser = guesser_of(resources, email=email, network=network)
    async with aside(resources.database, NOBODY) as tx:
        await begin_guess(tx, resources, guesser)
    right, _ = await resources.passwords.verify(password, password_hash)
    if not right:
        await note_wrong(resources, guesser)
        raise PasswordWrong("The present password is not right; try again.")
    return guesser


async def want_letter(resources: Resources, kind: LinkKind, email: str) -> None:
    """Have a letter with a link sent to an address, if somebody here has it: whether, and how often, nobody is told.

    What is done is the same for an address that nobody has.
    """
    of = resources.signer.mark("letters", email.strip().lower())
    try:
        async with aside(resources.database, NOBODY) as tx:
            await resources.failures.count(tx, _LETTERS, of)
            link_id = await make_link(tx, kind, email=email.strip())
            await publish(tx, LetterWanted(link_id=link_id))
    except OverLimit:
        return


async def reset_password(resources: Resources, token: str, password: str) -> None:
    """Set a new password by a link; every session of the person ends and their other links do nothing any more.

    Raises `LinkUsed` and `PasswordWeak`; a refused password leaves the link as it was.
    """
    link_id = _link_id(resources, "reset_password", token)
    async with aside(resources.database, NOBODY) as tx:
        link = await find_link(tx, "reset_password", link_id)
    person = _person_of(link)
    async with aside(resources.database, person) as tx:
        row = await tx.get_one(UserRow, person.user_id)
        refuse_weak(password, email=row.email, display_name=row.display_name)
    fresh = await resources.passwords.hash(password)
    async with aside(resources.database, person) as tx:
        used = await use_link(tx, "reset_password", link_id)
        user_id = _person_of(used).user_id
        assert user_id is not None  # noqa: S101 of a person
        if used is not None and used.data.get("by") != "administrator":
            # whoever has the letter has the address
            confirmed = {"email_verified_at": func.now(), "awaits_email": False}
            await tx.execute(update(UserRow).where(UserRow.id == user_id).values(confirmed))
        await _set_password(tx, user_id, fresh)
        # whoever guesses at the account keeps its owner out no longer
        await note_right(tx, resources, guesser_of(resources, email=row.email or user_id.hex, network=""))
        note_audit("user", user_id)
        record_here(tx, person)


async def confirm_email(resources: Resources, token: str) -> EmailConfirmed:
    """Note that an address is its owner's; raises `LinkUsed`."""
    link, person = await _used(resources, "verify_email", token)
    async with aside(resources.database, person) as tx:
        own = (UserRow.id == person.user_id, func.lower(UserRow.email) == link.email.lower())
        values = {"email_verified_at": func.now(), "awaits_email": False}
        awaits_consent = await tx.scalar(update(UserRow).where(*own).values(values).returning(UserRow.awaits_consent))
        note_audit("user", person.user_id)
        record_here(tx, person)
    if awaits_consent is None:
        raise LinkUsed("The address of this account was changed since this letter was sent.")
    return EmailConfirmed(state="guardian" if awaits_consent else "ready", email=link.email)


async def consent(resources: Resources, token: str) -> Consented:
    """Note that a guardian agrees to an account; raises `LinkUsed`."""
    _, person = await _used(resources, "guardian_consent", token)
    async with aside(resources.database, person) as tx:
        agreed = update(UserRow).where(UserRow.id == person.user_id).values(awaits_consent=False)
        name = await tx.scalar(agreed.returning(UserRow.display_name))
        # a guardian is nobody here
        note_audit("user", person.user_id)
        record_here(tx, NOBODY)
    return Consented(display_name=str(name))


async def link_for_person(tx: AsyncSession, resources: Resources, kind: LinkKind, person_id: UUID) -> LinkMade:
    """Make a link for whoever runs the hub to hand over, who has checked whom it is for; raises `PersonNotFound`."""
    row = (await tx.execute(_BY_ID, {"id": person_id})).one_or_none()
    if row is None:
        raise PersonNotFound(f"There is no account {person_id}.")
    return await _link_to_hand_over(tx, resources, kind, user_id=row.user_id, email=row.email or "")


async def reset_link_for_email(resources: Resources, email: str) -> LinkMade:
    """Make a link that sets the password of whoever has an address, for whoever sits at the hub's own machine.

    Raises `PersonNotFound`.
    """
    async with aside(resources.database, NOBODY) as tx:
        row = (await tx.execute(_BY_EMAIL, {"email": email})).one_or_none()
        if row is None:
            raise PersonNotFound(f"Nobody on this hub has the address {email}.")
        return await _link_to_hand_over(tx, resources, "reset_password", user_id=row.user_id, email=row.email)


async def _link_to_hand_over(
    tx: AsyncSession, resources: Resources, kind: LinkKind, *, user_id: UUID, email: str
) -> LinkMade:
    link_id = await make_link(tx, kind, email=email, user_id=user_id, data={"by": "administrator"})
    url = url_of(resources.settings.base_url, kind, token_of(resources.signer, kind, link_id))
    return LinkMade(url=url, expires_at=datetime.now(UTC) + LIFETIMES[kind])


async def _used(resources: Resources, kind: LinkKind, token: str) -> tuple[OneTimeLink, Scope]:
    link_id = _link_id(resources, kind, token)
    async with aside(resources.database, NOBODY) as tx:
        link = await use_link(tx, kind, link_id)
    person = _person_of(link)
    assert link is not None  # noqa: S101 else it would be nobody's
    return link, person


def _link_id(resources: Resources, kind: LinkKind, token: str) -> UUID:
    link_id = link_of_token(resources.signer, kind, token)
    if link_id is None:
        raise LinkUsed(USED)
    return link_id


def _person_of(link: OneTimeLink | None) -> Scope:
    if link is None or link.user_id is None:
        raise LinkUsed(USED)
    return Scope(user_id=link.user_id)


async def _set_password(tx: AsyncSession, user_id: UUID, password_hash: str, *, but: UUID | None = None) -> None:
    await tx.execute(update(UserRow).where(UserRow.id == user_id).values(password_hash=password_hash))
    await revoke_sessions(tx, user_id, but=but)
    await void_links(tx, "reset_password", user_id)
    await publish(tx, SecurityChanged(user_id=user_id, what="password"))
