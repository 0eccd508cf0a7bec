"""Groups over HTTP."""

from uuid import UUID

from fastapi import Response

from lyceum.accounts.edge import KEEPS_ANSWER, KNOWN, Power, Tx, Who, api_router, needs
from lyceum.accounts.groups import queries, service
from lyceum.accounts.groups.schemas import Group, GroupChange, GroupMemberPage, GroupPage, NewGroup, NewGroupMember
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor

router = api_router("/api/v1/organisations/{org}/groups", tags=["organisations"])


@router.post("", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(Power.MEMBERS_MANAGE)
async def create_group(tx: Tx, who: Who, org: str, wanted: NewGroup) -> Group:
    """Make a group of members, to whom objects can be granted together."""
    return await service.create(tx, who, org, wanted.name)


@router.get("")
@needs(KNOWN)
async def list_groups(tx: Tx, who: Who, org: str, limit: Limit = 50, cursor: Cursor = None) -> GroupPage:
    """List the groups of the organisation you act in."""
    items = await queries.list_groups(tx, who, org, limit=limit, before=decode_cursor(cursor))
    return GroupPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/{group_id}")
@needs(KNOWN)
async def read_group(tx: Tx, who: Who, org: str, group_id: UUID) -> Group:
    """Read a group."""
    return await queries.group_for(tx, who, org, group_id)


@router.patch("/{group_id}")
@needs(Power.MEMBERS_MANAGE)
async def change_group(tx: Tx, who: Who, org: str, group_id: UUID, wanted: GroupChange) -> Group:
    """Give a group another name; what was granted to it stays."""
    return await service.name_anew(tx, who, org, group_id, wanted.name)


@router.delete("/{group_id}", status_code=204)
@needs(Power.MEMBERS_MANAGE)
async def dissolve_group(tx: Tx, who: Who, org: str, group_id: UUID) -> Response:
    """End a group, with what was granted to it."""
    await service.dissolve(tx, who, org, group_id)
    return Response(status_code=204)


@router.get("/{group_id}/members")
@needs(KNOWN)
async def list_group_members(
    tx: Tx, who: Who, org: str, group_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> GroupMemberPage:
    """List who is in a group."""
    items = await queries.list_group_members(tx, who, org, group_id, limit=limit, before=decode_cursor(cursor))
    return GroupMemberPage(items=items, next=next_cursor([item.user_id for item in items], limit))


@router.post("/{group_id}/members", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(Power.MEMBERS_MANAGE)
async def add_group_member(tx: Tx, who: Who, org: str, group_id: UUID, wanted: NewGroupMember) -> Group:
    """Put a member of the organisation into a group."""
    return await service.add_member(tx, who, org, group_id, wanted.user_id)


@router.delete("/{group_id}/members/{user_id}", status_code=204)
@needs(Power.MEMBERS_MANAGE)
async def remove_group_member(tx: Tx, who: Who, org: str, group_id: UUID, user_id: UUID) -> Response:
    """Take somebody out of a group."""
    await service.remove_member(tx, who, org, group_id, user_id)
    return Response(status_code=204)
