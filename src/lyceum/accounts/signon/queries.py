"""Reads of signing on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.models import OrganisationRow
from lyceum.accounts.policy import Actor, Role, require_operator, require_person
from lyceum.accounts.signon.errors import SignOnProviderNotFound, SignOnProviderUnusable
from lyceum.accounts.signon.models import SignOnIdentityRow, SignOnProviderRow, SignOnRuleRow
from lyceum.accounts.signon.schemas import Connection, SignOnProvider, SignOnRule
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Sealer
from lyceum.kernel.tx import aside

SECRET_PURPOSE = "sign-on client secrets"  # noqa: S105 a name, no secret
PROVIDERS_MAX = 100
RULES_MAX = 1_000
_PROVIDER = text("SELECT * FROM definer.sign_on_provider(:name)")
_GROUPS = text("SELECT group_id, name FROM definer.sign_on_groups_of(:provider)")
_OFFERED = text("SELECT name, title FROM definer.sign_on_offered()")


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as people sign on through it, its secret opened."""

    id: UUID
    name: str
    title: str
    discovery_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    groups_claim: str
    email_claim: str
    name_claim: str
    admits: str
    email_domains: tuple[str, ...]
    trusts_email: bool
    trusts_second_factor: bool
    refresh_minutes: int | None


@dataclass(frozen=True, slots=True)
class OfferedProvider:
    """What a sign-in page shows of a provider."""

    name: str
    title: str


async def provider_by_name(resources: Resources, name: str) -> Provider:
    """Return a provider by the name in its address, for whoever signs on.

    Raises `SignOnProviderNotFound`, and `SignOnProviderUnusable` where its secret was sealed by another hub.
    """
    async with aside(resources.database, NOBODY, writes=False) as tx:
        row = (await tx.execute(_PROVIDER, {"name": name})).one_or_none()
    if row is None:
        raise SignOnProviderNotFound(f"There is no sign-on provider called {name[:64]!r}.")
    return as_provider(row, resources.sealer)


async def list_offered(tx: AsyncSession) -> list[OfferedProvider]:
    """Return what a sign-in page offers, a hundred at most; `tx` may work for nobody."""
    return [OfferedProvider(row.name, row.title) for row in await tx.execute(_OFFERED)]


async def list_providers(tx: AsyncSession, who: Actor, *, settings: Settings) -> list[SignOnProvider]:
    """Return every provider, by name."""
    require_operator(who)
    rows = await tx.scalars(select(SignOnProviderRow).order_by(SignOnProviderRow.name).limit(PROVIDERS_MAX))
    return [as_shown(row, settings) for row in rows]


async def provider_for(tx: AsyncSession, who: Actor, provider_id: UUID, *, lock: bool = False) -> SignOnProviderRow:
    """Return a provider for an administrator; raises `SignOnProviderNotFound`."""
    require_operator(who)
    query = select(SignOnProviderRow).where(SignOnProviderRow.id == provider_id)
    row = await tx.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise SignOnProviderNotFound(f"There is no sign-on provider {provider_id}.")
    return row


async def list_rules(tx: AsyncSession, who: Actor, provider_id: UUID) -> list[SignOnRule]:
    """Return what a provider's groups give, oldest rule first; raises `SignOnProviderNotFound`."""
    await provider_for(tx, who, provider_id)
    rows = await tx.execute(
        select(SignOnRuleRow, OrganisationRow.name)
        .join(OrganisationRow, OrganisationRow.id == SignOnRuleRow.target_id)
        .where(SignOnRuleRow.provider_id == provider_id)
        .order_by(SignOnRuleRow.id)
        .limit(RULES_MAX)
    )
    names = await group_names(tx, provider_id)
    return [as_rule(rule, name, names) for rule, name in rows]


async def group_names(tx: AsyncSession, provider_id: UUID) -> dict[UUID, str]:
    """Return what the groups are called that a provider's rules lead into, by their ids; the caller has checked who asks."""
    return {row.group_id: row.name for row in await tx.execute(_GROUPS, {"provider": provider_id})}


async def list_connections(tx: AsyncSession, who: Actor) -> list[Connection]:
    """Return the providers by which the person who asks can sign in: with one account at each, and so not more than there are."""
    user_id = require_person(who)
    rows = await tx.execute(
        text(
            "SELECT i.id, p.name, p.title, i.email, i.signed_on_at, i.ended_at "
            "FROM sign_on_identities i JOIN LATERAL definer.sign_on_provider_title(i.provider_id) p ON true "
            "WHERE i.user_id = :user_id ORDER BY i.id LIMIT :at_most"
        ),
        {"user_id": user_id, "at_most": PROVIDERS_MAX},
    )
    return [
        Connection(
            id=row.id,
            provider=row.name,
            title=row.title,
            email=row.email,
            signed_on_at=row.signed_on_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]


async def find_identity(tx: AsyncSession, identity_id: UUID) -> SignOnIdentityRow | None:
    """Return what a provider knows the person as for whom `tx` works."""
    return await tx.scalar(select(SignOnIdentityRow).where(SignOnIdentityRow.id == identity_id))


def as_provider(row: Any, sealer: Sealer) -> Provider:
    """Return a provider with its secret opened; raises `SignOnProviderUnusable`."""
    secret = sealer.opened(SECRET_PURPOSE, str(row.id), row.client_secret_sealed)
    if secret is None:
        raise SignOnProviderUnusable(
            f"The secret of {row.title} was sealed with another LYCEUM_SECRET_KEY; an administrator has to give it again."
        )
    return Provider(
        id=row.id,
        name=row.name,
        title=row.title,
        discovery_url=row.discovery_url,
        client_id=row.client_id,
        client_secret=secret.decode(),
        scopes=tuple(row.scopes),
        groups_claim=row.groups_claim,
        email_claim=row.email_claim,
        name_claim=row.name_claim,
        admits=row.admits,
        email_domains=tuple(row.email_domains),
        trusts_email=row.trusts_email,
        trusts_second_factor=row.trusts_second_factor,
        refresh_minutes=row.refresh_minutes,
    )


def callback_url(settings: Settings, name: str) -> str:
    """Return where a provider sends browsers back to; one for each, so that none can answer for another."""
    return f"{settings.base_url}/api/v1/sign-on/{name}/callback"


def as_shown(row: SignOnProviderRow, settings: Settings) -> SignOnProvider:
    """Return a provider as administrators see it."""
    return SignOnProvider(
        id=row.id,
        name=row.name,
        title=row.title,
        discovery_url=row.discovery_url,
        client_id=row.client_id,
        scopes=row.scopes,
        groups_claim=row.groups_claim,
        email_claim=row.email_claim,
        name_claim=row.name_claim,
        admits=row.admits,
        email_domains=row.email_domains,
        trusts_email=row.trusts_email,
        trusts_second_factor=row.trusts_second_factor,
        refresh_minutes=row.refresh_minutes,
        redirect_uri=callback_url(settings, row.name),
        back_channel_logout_uri=f"{settings.base_url}/api/v1/sign-on/{row.name}/back-channel-logout",
        revision=row.revision,
        created_at=row.created_at,
    )


def as_rule(row: SignOnRuleRow, organisation: str, groups: Mapping[UUID, str]) -> SignOnRule:
    """Return a rule as administrators see it, with what its group is called among `groups`."""
    return SignOnRule(
        id=row.id,
        group=row.group_pattern,
        kind="organisation",
        organisation=organisation,
        role=Role(row.role),
        into_group_id=row.into_group_id,
        into_group=groups.get(row.into_group_id) if row.into_group_id is not None else None,
        created_at=row.created_at,
    )
