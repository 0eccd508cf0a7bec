"""Reads of accounts."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.models import MembershipRow, OrganisationRow, UserRow
from lyceum.accounts.policy import ANYONE, POWERS, Actor, Power, powers_of
from lyceum.kernel.security import digest_of

_KEY_LOOKUP = text(
    "SELECT key_id, org_id, org_name, user_id, role, scopes, instance_admin, expires_at, rate_per_minute "
    "FROM definer.key_lookup(:digest)"
)
_SETUP_LINK_WORKS = text("SELECT definer.setup_link_works(:digest)")


async def find_actor(tx: AsyncSession, key_secret: str) -> Actor:
    """Return who an API key belongs to, `ANYONE` when the key is unknown, revoked, or has run out.

    The one read that happens before anybody is known; `tx` works for nobody.
    """
    row = (await tx.execute(_KEY_LOOKUP, {"digest": digest_of(key_secret)})).one_or_none()
    if row is None:
        return ANYONE
    return Actor(
        org_id=row.org_id,
        org_name=row.org_name,
        user_id=row.user_id,
        key_id=row.key_id,
        powers=powers_of(row.role, row.scopes, operates_hub=row.instance_admin),
        expires_at=row.expires_at,
        scopes=frozenset(row.scopes),
        rate_per_minute=row.rate_per_minute,
    )


async def find_organisation_id(tx: AsyncSession, name: str, *, who: Actor = ANYONE) -> UUID | None:
    """Return the id behind the first half of an address, when the caller may know it; that of `who` without a query."""
    if who.org_id is not None and name == who.org_name:
        return who.org_id
    return await tx.scalar(select(OrganisationRow.id).where(OrganisationRow.name == name))


async def organisation_names(tx: AsyncSession, org_ids: set[UUID], *, who: Actor = ANYONE) -> dict[UUID, str]:
    """Return the names of organisations, in one query; in none where they are that of `who` alone."""
    names = {who.org_id: who.org_name} if who.org_id in org_ids else {}
    if not (others := org_ids - names.keys()):
        return names
    rows = await tx.execute(select(OrganisationRow.id, OrganisationRow.name).where(OrganisationRow.id.in_(others)))
    return names | {row.id: row.name for row in rows}


async def member_names(tx: AsyncSession, org_id: UUID, user_ids: set[UUID]) -> dict[UUID, str]:
    """Return what those of some people are called who are members of the organisation acted in: one query, none for nobody."""
    if not user_ids:
        return {}
    query = (
        select(UserRow.id, UserRow.display_name)
        .join(MembershipRow, MembershipRow.user_id == UserRow.id)
        .where(MembershipRow.org_id == org_id, UserRow.id.in_(user_ids))
    )
    return {row.id: row.display_name for row in await tx.execute(query)}


async def members_with(tx: AsyncSession, org_id: UUID, power: Power) -> list[UUID]:
    """Return who has a power in the organisation acted in, by their role: one query."""
    roles = [str(role) for role, powers in POWERS.items() if power in powers]
    query = select(MembershipRow.user_id).where(MembershipRow.org_id == org_id, MembershipRow.role.in_(roles))
    return list(await tx.scalars(query.order_by(MembershipRow.user_id)))


async def setup_link_works(tx: AsyncSession, token: str) -> bool:
    """Say whether a set-up link can still be used."""
    return bool(await tx.scalar(_SETUP_LINK_WORKS, {"digest": digest_of(token)}))


async def administrator_is_set_up(owner_tx: AsyncSession) -> bool:
    """Say whether a set-up link was ever used. `owner_tx` works as the tables' owner."""
    return bool(await owner_tx.scalar(text("SELECT EXISTS (SELECT FROM setup_links WHERE used_at IS NOT NULL)")))


async def has_password(tx: AsyncSession, user_id: UUID) -> bool:
    """Return whether a person has a password; whoever was made by an identity provider may have none."""
    return bool(await tx.scalar(select(UserRow.password_hash.is_not(None)).where(UserRow.id == user_id)))
