"""Whose account a sign-on belongs to: one it was joined to, one it may be joined to now, or a new one.

An issuer and subject are one person for ever. An e-mail address is not: it leads to an account only where an administrator
trusts the provider for it and the provider says that it is confirmed.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.events import SecurityChanged
from lyceum.accounts.models import UserRow
from lyceum.accounts.sessions.public import (
    SIGN_ON,
    BegunSession,
    RequestFacts,
    SecondFactorWanted,
    after_first_factor,
    begin_session,
    revoke_sessions,
)
from lyceum.accounts.signon.errors import (
    AlreadyConnected,
    ConnectedElsewhere,
    NotAdmitted,
    SignOnEmailTaken,
    SignOnRefused,
)
from lyceum.accounts.signon.exchange import Identity
from lyceum.accounts.signon.giving import give_roles, list_rules_of, rules_met
from lyceum.accounts.signon.models import SignOnIdentityRow, SignOnSessionRow
from lyceum.accounts.signon.queries import Provider
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

REFRESH_PURPOSE = "sign-on refresh tokens"
_LOOKUP = text(
    "SELECT identity_id, user_id, suspended, joined, email_confirmed "
    "FROM definer.sign_on_lookup(:issuer, :subject, :email)"
)


async def sign_on(
    resources: Resources, provider: Provider, identity: Identity, *, facts: RequestFacts
) -> BegunSession | SecondFactorWanted:
    """Sign in whoever a provider has signed in, with what their groups give, making them an account where they get one.

    Raises `NotAdmitted`, `SignOnEmailTaken`, `AlreadyConnected`, and `SignOnRefused` for somebody suspended.
    """
    try:
        return await _sign_on(resources, provider, identity, facts=facts)
    except IntegrityError:
        # the same person came twice at once for the first time; now they are known
        return await _sign_on(resources, provider, identity, facts=facts)


async def connect(resources: Resources, provider: Provider, identity: Identity, *, user_id: UUID) -> None:
    """Let somebody who is signed in sign in by the provider from now on.

    Raises `ConnectedElsewhere` and `AlreadyConnected`.
    """
    found = await _found(resources, identity, email=None)
    if found is not None and found.user_id != user_id:
        raise ConnectedElsewhere(
            f"This sign-in at {provider.title} belongs to another account of the hub; disconnect it there first."
        )
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        await _keep(tx, resources, provider, identity, user_id=user_id, known_as=found.identity_id if found else None)
        if found is None:
            await publish(tx, SecurityChanged(user_id=user_id, what="sign_on_connected"))


async def _sign_on(
    resources: Resources, provider: Provider, identity: Identity, *, facts: RequestFacts
) -> BegunSession | SecondFactorWanted:
    found = await _found(resources, identity, email=identity.email)
    if found is not None and not found.joined and not _may_join(provider, identity):
        # an address nobody vouches for is not looked at, unless the account to be made would have it
        if _keeps_email(identity):
            raise SignOnEmailTaken(
                f"Somebody on this hub has the e-mail address {identity.email}. If it is you, sign in as before and "
                f"connect {provider.title} in your settings."
            )
        found = None
    if found is not None and found.suspended:
        raise SignOnRefused("This account is suspended; ask the hub's administrator.")
    if found is None:
        await _refuse_strangers(resources, provider, identity)
    user_id = found.user_id if found is not None else new_id()
    async with aside(resources.database, Scope(user_id=user_id)) as tx:
        if found is None:
            await _make_account(tx, identity, user_id=user_id, vouches=_may_join(provider, identity))
        elif not found.joined:
            await _take_over(tx, user_id, was_confirmed=found.email_confirmed)
        identity_id = await _keep(
            tx, resources, provider, identity, user_id=user_id, known_as=found.identity_id if found else None
        )
        return await _begin(tx, resources, provider, identity, user_id=user_id, identity_id=identity_id, facts=facts)


async def _begin(
    tx: AsyncSession,
    resources: Resources,
    provider: Provider,
    identity: Identity,
    *,
    user_id: UUID,
    identity_id: UUID,
    facts: RequestFacts,
) -> BegunSession | SecondFactorWanted:
    with_provider = signed_in_with(provider.name)
    begun: BegunSession | SecondFactorWanted
    if provider.trusts_second_factor:
        begun = await begin_session(tx, user_id, settings=resources.settings, facts=facts, signed_in_with=with_provider)
    else:
        begun = await after_first_factor(tx, resources, user_id, facts=facts, signed_in_with=with_provider)
    if isinstance(begun, BegunSession):
        tx.add(
            SignOnSessionRow(
                session_id=begun.session_id, identity_id=identity_id, provider_session=identity.provider_session
            )
        )
        await tx.flush()
    return begun


def signed_in_with(provider_name: str) -> str:
    """Return what a session says that it began with."""
    return f"{SIGN_ON}{provider_name}"


def refresh_about(issuer: str, subject: str) -> str:
    """Return what a provider's refresh token is sealed for."""
    return f"{issuer}\n{subject}"


async def _found(resources: Resources, identity: Identity, *, email: str | None) -> Any:
    asked = {"issuer": identity.issuer, "subject": identity.subject, "email": email}
    async with aside(resources.database, NOBODY, writes=False) as tx:
        return (await tx.execute(_LOOKUP, asked)).one_or_none()


def _may_join(provider: Provider, identity: Identity) -> bool:
    return provider.trusts_email and identity.email_verified


def _keeps_email(identity: Identity) -> bool:
    return identity.email is not None and identity.email_verified


async def _refuse_strangers(resources: Resources, provider: Provider, identity: Identity) -> None:
    if provider.admits == "known":
        raise NotAdmitted(f"{provider.title} makes no accounts on this hub; ask its administrator for one.")
    if provider.email_domains:
        domain = (identity.email or "").rpartition("@")[2].lower()
        if not identity.email_verified or domain not in provider.email_domains:
            raise NotAdmitted(
                f"{provider.title} makes accounts only for people of {', '.join(provider.email_domains)}."
            )
    if provider.admits == "mapped":
        async with aside(resources.database, NOBODY, writes=False) as tx:
            rules = await list_rules_of(tx, provider.id)
        if not rules_met(rules, identity.groups or ()):
            raise NotAdmitted("None of your groups opens anything on this hub; ask its administrator.")


async def _make_account(tx: AsyncSession, identity: Identity, *, user_id: UUID, vouches: bool) -> None:
    email = identity.email if _keeps_email(identity) else None
    verified_at = datetime.now(UTC) if vouches and email is not None else None
    tx.add(UserRow(id=user_id, email=email, email_verified_at=verified_at, display_name=identity.display_name))
    await tx.flush()


async def _take_over(tx: AsyncSession, user_id: UUID, *, was_confirmed: bool) -> None:
    """Join an account by its e-mail address; whoever made it may have had no right to that, unless it was confirmed."""
    if not was_confirmed:
        theirs = {"password_hash": None, "email_verified_at": func.now(), "awaits_email": False}
        await tx.execute(update(UserRow).where(UserRow.id == user_id).values(**theirs))
        await revoke_sessions(tx, user_id)
    await publish(tx, SecurityChanged(user_id=user_id, what="sign_on_connected"))


async def _refuse_second(tx: AsyncSession, provider: Provider, *, user_id: UUID, known_as: UUID | None) -> None:
    """Raise `AlreadyConnected` where the person is somebody else at the provider; one who has left there makes room.

    Of two at once what their groups give would be that of the last to sign on.
    """
    # two connections at once come one after the other
    await tx.execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update())
    at_provider = (SignOnIdentityRow.user_id == user_id, SignOnIdentityRow.provider_id == provider.id)
    if known_as is not None and await tx.scalar(
        select(SignOnIdentityRow.id).where(*at_provider, SignOnIdentityRow.id == known_as)
    ):
        return
    await tx.execute(delete(SignOnIdentityRow).where(*at_provider, SignOnIdentityRow.ended_at.is_not(None)))
    if await tx.scalar(select(SignOnIdentityRow.id).where(*at_provider).limit(1)):
        raise AlreadyConnected(
            f"Your account is connected to another account at {provider.title} already; disconnect that one first."
        )


async def _keep(
    tx: AsyncSession,
    resources: Resources,
    provider: Provider,
    identity: Identity,
    *,
    user_id: UUID,
    known_as: UUID | None,
) -> UUID:
    """Note who signed on and give what their groups give; return the id of the note. `tx` works for the person.

    Raises `AlreadyConnected`.
    """
    await _refuse_second(tx, provider, user_id=user_id, known_as=known_as)
    refreshes = provider.refresh_minutes is not None and identity.refresh_token is not None
    about = refresh_about(identity.issuer, identity.subject)
    values = {
        "provider_id": provider.id,
        "email": identity.email,
        "groups": list(identity.groups or ()),
        "refresh_token_sealed": resources.sealer.seal(REFRESH_PURPOSE, about, (identity.refresh_token or "").encode())
        if refreshes
        else None,
        "refresh_after": datetime.now(UTC) + timedelta(minutes=provider.refresh_minutes or 0) if refreshes else None,
        "ended_at": None,
    }
    if known_as is None:
        row = SignOnIdentityRow(
            id=new_id(), issuer=identity.issuer, subject=identity.subject, user_id=user_id, **values
        )
        tx.add(row)
        await tx.flush()
        known_as = row.id
    else:
        noted = update(SignOnIdentityRow).where(SignOnIdentityRow.id == known_as)
        await tx.execute(noted.values(**values, signed_on_at=func.now()))
    rules = rules_met(await list_rules_of(tx, provider.id), identity.groups or ())
    await give_roles(tx, user_id, provider.id, rules)
    return known_as
