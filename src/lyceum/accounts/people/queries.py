"""Reads of people: who one is, and how one signs in here."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.factors.public import are_passkeys_possible
from lyceum.accounts.models import MembershipRow, OrganisationRow, UserRow
from lyceum.accounts.people.schemas import Me, MyOrganisation, Provider, Purpose, SignInOptions
from lyceum.accounts.policy import Actor, Power, require_person
from lyceum.accounts.sessions.public import session_for
from lyceum.accounts.signon.public import OfferedProvider
from lyceum.kernel.config import Settings
from lyceum.kernel.security import PASSWORD_CHARACTERS_MIN

ORGANISATIONS_MAX = 1_000


async def read_me(tx: AsyncSession, who: Actor) -> Me:
    """Return who the caller is; raises `SignInNeeded`."""
    user_id = require_person(who)
    person = await tx.get_one(UserRow, user_id)
    return Me(
        user_id=user_id,
        email=person.email,
        display_name=person.display_name,
        email_verified=person.email_verified_at is not None,
        locale=person.locale,
        purpose=cast("Purpose | None", person.purpose),
        organisation_id=who.org_id,
        organisation=who.org_name or None,
        organisations=await list_organisations_of(tx, user_id),
        powers=sorted(who.powers),
        operates_hub=Power.HUB_OPERATE in who.powers,
        session=await session_for(tx, user_id, who.session_id) if who.session_id is not None else None,
        impersonator_id=who.impersonator_id,
        second_factor_needed=who.must_enrol,
    )


async def list_organisations_of(tx: AsyncSession, user_id: UUID) -> list[MyOrganisation]:
    """Return the organisations a person is in, the oldest membership first; `tx` works for them."""
    query = (
        select(OrganisationRow.id, OrganisationRow.name, OrganisationRow.title, MembershipRow.role)
        .join(MembershipRow, MembershipRow.org_id == OrganisationRow.id)
        .where(MembershipRow.user_id == user_id)
        .order_by(MembershipRow.created_at, MembershipRow.org_id)
        .limit(ORGANISATIONS_MAX)
    )
    return [MyOrganisation(id=row.id, name=row.name, title=row.title, role=row.role) for row in await tx.execute(query)]


def sign_in_options(settings: Settings, *, offered: Sequence[OfferedProvider] = ()) -> SignInOptions:
    """Return how one signs in here: as the settings say, or through a provider that is offered."""
    mail = settings.mail_url is not None
    # whose address it is cannot be found out without a letter
    closed = settings.registration == "domain" and not mail
    return SignInOptions(
        registration="invitation" if closed else settings.registration,
        domains=sorted(settings.registration_domains) if settings.registration == "domain" and mail else [],
        mail=mail,
        providers=[Provider(id=one.name, name=one.title) for one in offered],
        passkeys=are_passkeys_possible(settings),
        age_min=settings.registration_age_min,
        password_characters_min=PASSWORD_CHARACTERS_MIN,
    )
