"""Reads of groups."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import GroupNotFound
from lyceum.accounts.groups.models import GroupMemberRow, GroupRow
from lyceum.accounts.groups.schemas import Group, GroupMember
from lyceum.accounts.models import UserRow
from lyceum.accounts.organisations.queries import organisation_acted_in
from lyceum.accounts.policy import Actor

_MEMBERS = select(func.count()).where(GroupMemberRow.group_id == GroupRow.id).correlate(GroupRow).scalar_subquery()


async def list_groups(tx: AsyncSession, who: Actor, org: str, *, limit: int, before: UUID | None = None) -> list[Group]:
    """Return the groups of the organisation acted in, the newest first: one query."""
    query = _groups(organisation_acted_in(who, org)).order_by(GroupRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(GroupRow.id < before)
    return [as_group(row) for row in await tx.execute(query)]


async def group_for(tx: AsyncSession, who: Actor, org: str, group_id: UUID) -> Group:
    """Return a group of the organisation acted in; raises `GroupNotFound`."""
    row = (await tx.execute(_groups(organisation_acted_in(who, org)).where(GroupRow.id == group_id))).one_or_none()
    if row is None:
        raise GroupNotFound(f"There is no group {group_id} in {org}.")
    return as_group(row)


async def list_group_members(
    tx: AsyncSession, who: Actor, org: str, group_id: UUID, *, limit: int, before: UUID | None = None
) -> list[GroupMember]:
    """Return a group's members; raises `GroupNotFound`."""
    await group_for(tx, who, org, group_id)
    query = (
        select(UserRow.id, UserRow.display_name, UserRow.email, GroupMemberRow.added_at)
        .join(GroupMemberRow, GroupMemberRow.user_id == UserRow.id)
        .where(GroupMemberRow.group_id == group_id)
        .order_by(UserRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(UserRow.id < before)
    return [
        GroupMember(user_id=row.id, display_name=row.display_name, email=row.email, added_at=row.added_at)
        for row in await tx.execute(query)
    ]


def _groups(org_id: UUID) -> Select[Any]:
    return select(GroupRow.id, GroupRow.name, GroupRow.created_at, _MEMBERS.label("member_count")).where(
        GroupRow.org_id == org_id
    )


def as_group(row: Row[Any]) -> Group:
    """Return a group as its readers see it."""
    return Group(id=row.id, name=row.name, member_count=row.member_count, created_at=row.created_at)
