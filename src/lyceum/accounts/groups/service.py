"""Writes of groups."""

from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import NameTaken
from lyceum.accounts.groups.models import GroupMemberRow, GroupRow
from lyceum.accounts.groups.queries import group_for
from lyceum.accounts.groups.schemas import Group
from lyceum.accounts.organisations.queries import member_for, organisation_acted_in
from lyceum.accounts.policy import Actor, Power


async def create(tx: AsyncSession, who: Actor, org: str, name: str) -> Group:
    """Make a group without members; raises `NameTaken`."""
    org_id = organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    row = GroupRow(org_id=org_id, name=name, created_by=who.user_id)
    try:
        async with tx.begin_nested():
            tx.add(row)
            await tx.flush()
    except IntegrityError:
        raise _taken(org, name) from None
    return await group_for(tx, who, org, row.id)


async def name_anew(tx: AsyncSession, who: Actor, org: str, group_id: UUID, name: str) -> Group:
    """Give a group another name; raises `GroupNotFound`, `NameTaken`."""
    organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    await group_for(tx, who, org, group_id)
    try:
        async with tx.begin_nested():
            await tx.execute(update(GroupRow).where(GroupRow.id == group_id).values(name=name))
    except IntegrityError:
        raise _taken(org, name) from None
    return await group_for(tx, who, org, group_id)


async def add_member(tx: AsyncSession, who: Actor, org: str, group_id: UUID, user_id: UUID) -> Group:
    """Put a member of the organisation into a group; twice changes nothing. Raises `GroupNotFound`, `MemberNotFound`.

    Whoever was there by a sign-on stays from now on, whatever their provider says.
    """
    org_id = organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    await group_for(tx, who, org, group_id)
    await member_for(tx, org_id, user_id)
    added = insert(GroupMemberRow).values(org_id=org_id, group_id=group_id, user_id=user_id)
    by_hand = {GroupMemberRow.given_by_hand: True}
    await tx.execute(added.on_conflict_do_update(index_elements=["group_id", "user_id"], set_=by_hand))
    return await group_for(tx, who, org, group_id)


async def remove_member(tx: AsyncSession, who: Actor, org: str, group_id: UUID, user_id: UUID) -> None:
    """Take somebody out of a group, and with it what was granted to it; raises `GroupNotFound`."""
    organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    await group_for(tx, who, org, group_id)
    of_them = (GroupMemberRow.group_id == group_id, GroupMemberRow.user_id == user_id)
    await tx.execute(delete(GroupMemberRow).where(*of_them))


async def dissolve(tx: AsyncSession, who: Actor, org: str, group_id: UUID) -> None:
    """End a group, and what was granted to it; raises `GroupNotFound`."""
    organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    await group_for(tx, who, org, group_id)
    await tx.execute(delete(GroupRow).where(GroupRow.id == group_id))


def _taken(org: str, name: str) -> NameTaken:
    return NameTaken(f"{org} has a group {name} already; choose another name.")
