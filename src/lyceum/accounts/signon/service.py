"""What administrators do with identity providers and rules, and people with their connections."""

import re
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import GroupNotFound, NameTaken, OrganisationNotFound
from lyceum.accounts.events import SecurityChanged
from lyceum.accounts.policy import Actor, require_operator, require_person
from lyceum.accounts.queries import find_organisation_id, has_password
from lyceum.accounts.signon.discovery import IdentityProviders, require_tls
from lyceum.accounts.signon.errors import (
    LastWayIn,
    SignOnNotFound,
    SignOnProviderUnusable,
    SignOnRuleNotFound,
    TooManyProviders,
)
from lyceum.accounts.signon.giving import give_roles
from lyceum.accounts.signon.models import SignOnIdentityRow, SignOnProviderRow, SignOnRuleRow
from lyceum.accounts.signon.queries import (
    PROVIDERS_MAX,
    RULES_MAX,
    SECRET_PURPOSE,
    as_rule,
    as_shown,
    find_identity,
    group_names,
    provider_for,
)
from lyceum.accounts.signon.schemas import (
    DOMAIN_PATTERN,
    SCOPE_PATTERN,
    NewProvider,
    NewRule,
    ProviderChange,
    ProviderSettings,
    ProviderTried,
    SignOnProvider,
    SignOnRule,
)
from lyceum.kernel.events import publish
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources

_PEOPLE = text("SELECT user_id FROM definer.sign_on_people(:provider, :at_most)")
PEOPLE_AT_ONCE = 10_000


async def create_provider(tx: AsyncSession, resources: Resources, who: Actor, wanted: NewProvider) -> SignOnProvider:
    """Add a provider; raises `NameTaken`, `TooManyProviders` and `SignOnProviderUnusable`."""
    require_operator(who)
    _check(wanted)
    if int(await tx.scalar(select(func.count()).select_from(SignOnProviderRow)) or 0) >= PROVIDERS_MAX:
        raise TooManyProviders(f"There are {PROVIDERS_MAX} sign-on providers already; remove one that is not used.")
    provider_id = new_id()
    sealed = resources.sealer.seal(SECRET_PURPOSE, str(provider_id), wanted.client_secret.encode())
    values = wanted.model_dump(exclude={"client_secret"})
    row = SignOnProviderRow(id=provider_id, client_secret_sealed=sealed, **values)
    tx.add(row)
    try:
        await tx.flush()
    except IntegrityError:
        raise NameTaken(f"There is a sign-on provider called {wanted.name}; give another name.") from None
    await tx.refresh(row)
    return as_shown(row, resources.settings)


async def change_provider(
    tx: AsyncSession,
    resources: Resources,
    who: Actor,
    provider_id: UUID,
    wanted: ProviderChange,
    *,
    if_match: str | None,
) -> SignOnProvider:
    """Change a provider; raises `SignOnProviderNotFound`, `SignOnProviderUnusable` and what `require_revision` raises."""
    _check(wanted)
    row = await provider_for(tx, who, provider_id, lock=True)
    require_revision(if_match, row.revision, newest=as_shown(row, resources.settings))
    for name, value in wanted.model_dump(exclude={"client_secret"}).items():
        setattr(row, name, value)
    if wanted.client_secret is not None:
        row.client_secret_sealed = resources.sealer.seal(SECRET_PURPOSE, str(row.id), wanted.client_secret.encode())
    row.revision += 1
    await tx.flush()
    return as_shown(row, resources.settings)


async def remove_provider(tx: AsyncSession, who: Actor, provider_id: UUID) -> None:
    """Remove a provider and take back what its groups gave; raises `SignOnProviderNotFound`.

    Whoever signed on through it keeps their account and is signed out when their session ends.
    """
    row = await provider_for(tx, who, provider_id, lock=True)
    for user_id in list(await tx.scalars(_PEOPLE, {"provider": provider_id, "at_most": PEOPLE_AT_ONCE})):
        await give_roles(tx, user_id, provider_id, ())
    await tx.delete(row)
    await tx.flush()


async def try_provider(providers: IdentityProviders, discovery_url: str) -> ProviderTried:
    """Return what a provider says of itself just now; raises `SignOnProviderAway` and `SignOnProviderUnusable`."""
    metadata = await providers.metadata(discovery_url, anew=True)
    keys = {
        key.key_id
        for algorithm in sorted(metadata.algorithms)
        for key in await providers.keys(discovery_url, algorithm=algorithm, key_id=None)
    }
    if not keys:
        raise SignOnProviderUnusable("The provider publishes no key that its tokens could be checked with.")
    return ProviderTried(
        issuer=metadata.issuer,
        authorization_endpoint=metadata.authorization_endpoint,
        userinfo=metadata.userinfo_endpoint is not None,
        algorithms=sorted(metadata.algorithms),
        keys=len(keys),
    )


async def add_rule(tx: AsyncSession, who: Actor, provider_id: UUID, wanted: NewRule) -> SignOnRule:
    """Have a group give a role from the next sign-in on, and a place in a group of the organisation where one is named.

    Raises `SignOnProviderNotFound`, `OrganisationNotFound`, `GroupNotFound` and `TooManyProviders`.
    """
    await provider_for(tx, who, provider_id, lock=True)
    of_provider = select(func.count()).select_from(SignOnRuleRow).where(SignOnRuleRow.provider_id == provider_id)
    if int(await tx.scalar(of_provider) or 0) >= RULES_MAX:
        raise TooManyProviders(f"The provider has {RULES_MAX} rules already; a pattern with * stands for many groups.")
    org_id = await find_organisation_id(tx, wanted.organisation)
    if org_id is None:
        raise OrganisationNotFound(f"There is no organisation called {wanted.organisation!r}.")
    row = SignOnRuleRow(
        provider_id=provider_id,
        group_pattern=wanted.group,
        target_kind=wanted.kind,
        target_id=org_id,
        role=wanted.role,
        into_group_id=wanted.into_group_id,
    )
    tx.add(row)
    try:
        await tx.flush()
    except IntegrityError:
        if wanted.into_group_id is None:
            raise
        # the key to groups names the organisation as well
        raise GroupNotFound(f"There is no group {wanted.into_group_id} in {wanted.organisation}.") from None
    await tx.refresh(row)
    return as_rule(row, wanted.organisation, await group_names(tx, provider_id))


async def remove_rule(tx: AsyncSession, who: Actor, provider_id: UUID, rule_id: UUID) -> None:
    """Remove a rule; what it gave is taken back when its people come next, or are asked about.

    Raises `SignOnProviderNotFound` and `SignOnRuleNotFound`.
    """
    await provider_for(tx, who, provider_id)
    of_provider = (SignOnRuleRow.id == rule_id, SignOnRuleRow.provider_id == provider_id)
    removed = await tx.scalar(delete(SignOnRuleRow).where(*of_provider).returning(SignOnRuleRow.id))
    if removed is None:
        raise SignOnRuleNotFound(f"The provider has no rule {rule_id}.")


async def disconnect(tx: AsyncSession, who: Actor, identity_id: UUID) -> None:
    """Part with a connection and what it gave; raises `SignOnNotFound` and `LastWayIn`."""
    user_id = require_person(who)
    identity = await find_identity(tx, identity_id)
    if identity is None:
        raise SignOnNotFound(f"You have no connection {identity_id}.")
    others = select(func.count()).select_from(SignOnIdentityRow).where(SignOnIdentityRow.id != identity_id)
    if not await has_password(tx, user_id) and not await tx.scalar(others.where(SignOnIdentityRow.ended_at.is_(None))):
        raise LastWayIn("Without this connection you could not sign in any more; set a password first.")
    await give_roles(tx, user_id, identity.provider_id, ())
    await tx.delete(identity)
    await tx.flush()
    await publish(tx, SecurityChanged(user_id=user_id, what="sign_on_disconnected"))


def _check(wanted: ProviderSettings) -> None:
    require_tls(wanted.discovery_url, "The discovery URL")
    if "openid" not in wanted.scopes:
        raise SignOnProviderUnusable("The scopes must hold openid: without it, a provider does not say who signed in.")
    for scope in wanted.scopes:
        if not re.fullmatch(SCOPE_PATTERN, scope):
            raise SignOnProviderUnusable(f"{scope[:50]!r} is no scope.")
    for domain in wanted.email_domains:
        if not re.fullmatch(DOMAIN_PATTERN, domain):
            raise SignOnProviderUnusable(f"{domain[:50]!r} is no domain such as example.org.")
