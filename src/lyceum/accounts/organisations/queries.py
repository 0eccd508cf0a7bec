"""Reads of organisations and members."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import MemberNotFound, OrganisationNotFound
from lyceum.accounts.models import MembershipRow, OrganisationRow, UserRow
from lyceum.accounts.organisations.schemas import Organisation, OrganisationMember
from lyceum.accounts.policy import Actor, Power, require, require_person


def organisation_acted_in(who: Actor, org: str, *, need: Power | None = None) -> UUID:
    """Return the id of the organisation `org`, which must be the one acted in; raises `OrganisationNotFound` for any other.

    Raises what `require` raises where a power is needed.
    """
    require_person(who)
    if who.org_id is None or org != who.org_name:
        raise OrganisationNotFound(
            f"You act in no organisation {org[:64]!r}; name it in the header Lyceum-Organisation."
        )
    return require(who, need) if need is not None else who.org_id


async def list_organisations(
    tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None
) -> list[Organisation]:
    """Return the organisations the caller is in, the newest first."""
    query = _of(require_person(who)).order_by(OrganisationRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(OrganisationRow.id < before)
    return [
        Organisation(id=row.id, name=row.name, title=row.title, role=row.role, joined_at=row.created_at)
        for row in await tx.execute(query)
    ]


async def organisation_for(tx: AsyncSession, who: Actor, org: str) -> Organisation:
    """Return an organisation the caller is in, whichever they act in; raises `OrganisationNotFound`."""
    row = (await tx.execute(_of(require_person(who)).where(OrganisationRow.name == org))).one_or_none()
    if row is None:
        raise OrganisationNotFound(f"You are in no organisation {org[:64]!r}.")
    return Organisation(id=row.id, name=row.name, title=row.title, role=row.role, joined_at=row.created_at)


async def list_members(
    tx: AsyncSession, who: Actor, org: str, *, limit: int, before: UUID | None = None, named: str | None = None
) -> list[OrganisationMember]:
    """Return the members of the organisation acted in, those who came to the hub last first: one query."""
    org_id = organisation_acted_in(who, org)
    query = _members(org_id).order_by(UserRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(UserRow.id < before)
    if named is not None:
        called = func.lower(UserRow.display_name + " " + func.coalesce(UserRow.email, ""))
        query = query.where(func.strpos(called, func.lower(named)) > 0)
    return [_as_member(row) for row in await tx.execute(query)]


async def member_for(tx: AsyncSession, org_id: UUID, user_id: UUID) -> OrganisationMember:
    """Return a member of the organisation acted in; raises `MemberNotFound`."""
    row = (await tx.execute(_members(org_id).where(UserRow.id == user_id))).one_or_none()
    if row is None:
        raise MemberNotFound(f"Nobody with the id {user_id} is in this organisation.")
    return _as_member(row)


def _of(user_id: UUID) -> Select[UUID, str, str, str, datetime]:
    return (
        select(
            OrganisationRow.id,
            OrganisationRow.name,
            OrganisationRow.title,
            MembershipRow.role,
            MembershipRow.created_at,
        )
        .join(MembershipRow, MembershipRow.org_id == OrganisationRow.id)
        .where(MembershipRow.user_id == user_id, OrganisationRow.deleted_at.is_(None))
    )


def _members(org_id: UUID) -> Select[UUID, str, str | None, str, datetime]:
    return (
        select(UserRow.id, UserRow.display_name, UserRow.email, MembershipRow.role, MembershipRow.created_at)
        .join(MembershipRow, MembershipRow.user_id == UserRow.id)
        .where(MembershipRow.org_id == org_id)
    )


def _as_member(row: Row[UUID, str, str | None, str, datetime]) -> OrganisationMember:
    return OrganisationMember(
        user_id=row.id, display_name=row.display_name, email=row.email, role=row.role, joined_at=row.created_at
    )
