"""A person's e-mail address becomes another one: asked for by whoever is signed in, confirmed by whoever gets letters there.

Nobody learns whether somebody has an address. One that is taken is answered as any other; no letter goes there, and a link to it
that was sent before does nothing.
"""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record_here
from lyceum.accounts.errors import EmailNotChangeable, LinkUsed, PasswordWrong
from lyceum.accounts.events import LetterWanted, SecurityChanged
from lyceum.accounts.models import UserRow
from lyceum.accounts.people.links import LinkKind, link_of_token, make_link, use_link, void_links
from lyceum.accounts.people.schemas import EmailConfirmed, NewEmail
from lyceum.accounts.people.service import USED, confirm_email, prove_password
from lyceum.accounts.policy import Actor, require_person
from lyceum.accounts.sessions.public import note_right
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.limits.failures import FailureLimit
from lyceum.kernel.limits.fields import OverLimit
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

_ASKED = FailureLimit(
    "email-changes", 5, 3600, 3600, "You asked for several addresses within an hour; try again later."
)
_LETTERS = FailureLimit("letters", 5, 3600, 3600, "Several letters were sent to this address within an hour.")
_VOIDED: tuple[LinkKind, ...] = ("reset_password", "verify_email", "change_email")
_TAKEN = "This address cannot be used for the account any more; ask for another one in your settings."


async def ask_for_email(resources: Resources, who: Actor, wanted: NewEmail, *, network: str) -> None:
    """Have a link sent to the address that is to come, and a word of it to the present one.

    Whoever has a password shows that. Raises `EmailNotChangeable`, `PasswordWrong` and `OverLimit`.
    """
    user_id, email = require_person(who), wanted.email.strip()
    if resources.settings.mail_url is None:
        raise EmailNotChangeable("This hub sends no mail, so a new address cannot be confirmed; ask its administrator.")
    async with aside(resources.database, who.scope, writes=False) as tx:
        row = await tx.get_one(UserRow, user_id)
        present, password_hash = row.email, row.password_hash
    if present is not None and present.lower() == email.lower():
        raise EmailNotChangeable("This is your address already.")
    if password_hash is not None:
        if wanted.password is None:
            raise PasswordWrong("Give your password, too.")
        guesser = await prove_password(
            resources,
            email=present or user_id.hex,
            password=wanted.password,
            password_hash=password_hash,
            network=network,
        )
        async with aside(resources.database, NOBODY) as tx:
            await note_right(tx, resources, guesser)
    async with aside(resources.database, NOBODY) as tx:
        await resources.failures.count(tx, _ASKED, user_id.hex)
    may_send = await _may_send(resources, email)
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        await void_links(tx, "change_email", user_id)
        link_id = await make_link(tx, "change_email", email=email, user_id=user_id)
        if may_send:
            await publish(tx, LetterWanted(link_id=link_id))
        if present is not None:
            told_id = await make_link(tx, "email_change_asked", email=present, user_id=user_id)
            await publish(tx, LetterWanted(link_id=told_id))
        note_audit("user", user_id)
        record_here(tx, who)


async def confirm(resources: Resources, token: str) -> EmailConfirmed:
    """Note that an address is its owner's, or make it that of an account whose owner asked for it; raises `LinkUsed`."""
    link_id = link_of_token(resources.signer, "change_email", token)
    if link_id is None:
        return await confirm_email(resources, token)
    async with aside(resources.database, NOBODY) as tx:
        link = await use_link(tx, "change_email", link_id)
    if link is None or link.user_id is None:
        raise LinkUsed(USED)
    person = Scope(user_id=link.user_id)
    try:
        async with aside(resources.database, person) as tx:
            await _take(tx, link.user_id, link.email)
            note_audit("user", link.user_id)
            record_here(tx, person)
    except IntegrityError:
        raise LinkUsed(_TAKEN) from None
    return EmailConfirmed(state="ready", email=link.email)


async def _take(tx: AsyncSession, user_id: UUID, email: str) -> None:
    values = {"email": email, "email_verified_at": func.now(), "awaits_email": False}
    own = (UserRow.id == user_id, UserRow.erased_at.is_(None), UserRow.suspended_at.is_(None))
    if await tx.scalar(update(UserRow).where(*own).values(values).returning(UserRow.id)) is None:
        raise LinkUsed(_TAKEN)
    # whoever reads the letters that went to the old address gets in by none of them
    for kind in _VOIDED:
        await void_links(tx, kind, user_id)
    await publish(tx, SecurityChanged(user_id=user_id, what="email_address"))


async def _may_send(resources: Resources, email: str) -> bool:
    try:
        async with aside(resources.database, NOBODY) as tx:
            await resources.failures.count(tx, _LETTERS, resources.signer.mark("letters", email.lower()))
    except OverLimit:
        return False
    return True
