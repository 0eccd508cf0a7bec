"""Making an account: who may, what has to happen before it works, and that nobody learns who has one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record_here
from lyceum.accounts.errors import (
    BirthDateNeeded,
    EmailTaken,
    GuardianNeeded,
    InvitationForAnother,
    InvitationUsed,
    RegistrationClosed,
)
from lyceum.accounts.events import LetterWanted, PersonJoined
from lyceum.accounts.models import UserRow
from lyceum.accounts.passwords import refuse_weak
from lyceum.accounts.people.links import link_of_token, make_link
from lyceum.accounts.people.queries import sign_in_options
from lyceum.accounts.people.schemas import Registration
from lyceum.accounts.sessions.public import BegunSession, RequestFacts, begin_session
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

_LOOK = text("SELECT org_id, email FROM definer.invitation_look(:id)")
_USE = text("SELECT org_id, org_name, joined FROM definer.invitation_use(:id, :person)")
USED = "This invitation was used up, was taken back, or has run out; ask for another one."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was found out before an account is made: by which invitation, and what it has to wait for."""

    invitation_id: UUID | None
    awaits_email: bool
    awaits_consent: bool

    @property
    def state(self) -> str:
        """What comes next."""
        return "verify_email" if self.awaits_email else "guardian" if self.awaits_consent else "signed_in"


async def register(
    resources: Resources, given: Registration, *, facts: RequestFacts
) -> tuple[Wanted, BegunSession | None]:
    """Make an account and begin a session where nothing has to be waited for.

    An address that somebody has is answered in the same way, and they get a letter, where mail is on. Raises
    `RegistrationClosed`, `InvitationUsed`, `InvitationForAnother`, `BirthDateNeeded`, `GuardianNeeded`, `PasswordWeak`, and
    `EmailTaken` where no letter can be sent.
    """
    settings = resources.settings
    wanted = await _wanted(resources, given)
    refuse_weak(given.password, email=given.email, display_name=given.display_name)
    password_hash = await resources.passwords.hash(given.password)
    person = Scope(user_id=new_id())
    try:
        async with aside(resources.database, person) as tx:
            begun = await _made(tx, given, wanted, person, password_hash, settings=settings, facts=facts)
    except IntegrityError:
        if not wanted.awaits_email:
            raise EmailTaken("Somebody on this hub has this address; sign in, or have the password reset.") from None
        async with aside(resources.database, NOBODY) as tx:
            link_id = await make_link(tx, "reset_password", email=given.email)
            await publish(tx, LetterWanted(link_id=link_id))
        begun = None
    return wanted, begun


async def join(tx: AsyncSession, user_id: UUID, invitation_id: UUID) -> str:
    """Make a person a member by an invitation whose token was right; return the organisation's name.

    Raises `InvitationUsed`. Whoever is a member already keeps their role.
    """
    row = (await tx.execute(_USE, {"id": invitation_id, "person": user_id})).one_or_none()
    if row is None:
        raise InvitationUsed(USED)
    if row.joined:
        await publish(tx, PersonJoined(org_id=row.org_id, user_id=user_id))
    return str(row.org_name)


async def _wanted(resources: Resources, given: Registration) -> Wanted:
    options = sign_in_options(resources.settings)
    invited_as: str | None = None
    invitation_id: UUID | None = None
    if options.registration == "off":
        raise RegistrationClosed("Nobody can make an account here; ask the hub's administrator for one.")
    if given.invitation is not None:
        invitation_id, invited_as = await _invitation(resources, given)
    elif options.registration == "invitation":
        raise RegistrationClosed("An account here takes an invitation; ask somebody who is in already for a link.")
    elif options.registration == "domain" and _domain_of(given.email) not in options.domains:
        raise RegistrationClosed(f"Accounts here are for addresses at {', '.join(options.domains)}, or by invitation.")
    return Wanted(
        invitation_id=invitation_id,
        # whoever was invited by this address has shown it to be theirs by the link
        awaits_email=options.mail and invited_as is None,
        awaits_consent=_is_minor(given, resources.settings.registration_age_min),
    )


async def _invitation(resources: Resources, given: Registration) -> tuple[UUID, str | None]:
    invitation_id = link_of_token(resources.signer, "invitation", given.invitation or "")
    if invitation_id is None:
        raise InvitationUsed(USED)
    async with aside(resources.database, NOBODY) as tx:
        row = (await tx.execute(_LOOK, {"id": invitation_id})).one_or_none()
    if row is None:
        raise InvitationUsed(USED)
    if row.email is not None and row.email.lower() != given.email.lower():
        raise InvitationForAnother(f"This invitation is for {row.email}; register with that address.")
    return invitation_id, row.email


def _is_minor(given: Registration, age_min: int) -> bool:
    if age_min == 0:
        return False
    today = datetime.now(UTC).date()
    if given.birth_date is None or not date(1900, 1, 1) <= given.birth_date <= today:
        raise BirthDateNeeded("Say when you were born: this hub asks a guardian for accounts of the young.")
    born = given.birth_date
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if age >= age_min:
        return False
    if given.guardian_email is None or given.guardian_email.lower() == given.email.lower():
        raise GuardianNeeded(
            f"Under {age_min} a guardian has to agree: give the e-mail address of a parent or guardian."
        )
    return True


async def _made(
    tx: AsyncSession,
    given: Registration,
    wanted: Wanted,
    person: Scope,
    password_hash: str,
    *,
    settings: Settings,
    facts: RequestFacts,
) -> BegunSession | None:
    user_id = person.user_id
    assert user_id is not None  # noqa: S101 made by the caller
    tx.add(
        UserRow(
            id=user_id,
            email=given.email,
            display_name=given.display_name,
            password_hash=password_hash,
            locale=given.locale,
            awaits_email=wanted.awaits_email,
            awaits_consent=wanted.awaits_consent,
        )
    )
    await tx.flush()
    if wanted.invitation_id is not None:
        await join(tx, user_id, wanted.invitation_id)
    if wanted.awaits_email:
        link_id = await make_link(tx, "verify_email", email=given.email, user_id=user_id)
        await publish(tx, LetterWanted(link_id=link_id))
    if wanted.awaits_consent and given.guardian_email is not None:
        link_id = await make_link(tx, "guardian_consent", email=given.guardian_email, user_id=user_id)
        await publish(tx, LetterWanted(link_id=link_id))
    note_audit("user", user_id)
    record_here(tx, person)
    if wanted.awaits_email or wanted.awaits_consent:
        return None
    return await begin_session(tx, user_id, settings=settings, facts=facts, signed_in_with="registration")


def _domain_of(email: str) -> str:
    return email.rpartition("@")[2].lower()
