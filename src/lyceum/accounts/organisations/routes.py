"""Organisations and their members over HTTP."""

from uuid import UUID

from fastapi import Response

from lyceum.accounts.edge import KEEPS_ANSWER, KNOWN, SIGNED_IN, CurrentResources, Power, Tx, Who, api_router, needs
from lyceum.accounts.organisations import queries, service
from lyceum.accounts.organisations.schemas import (
    MemberPage,
    NewOrganisation,
    NewOwner,
    Organisation,
    OrganisationChange,
    OrganisationEnd,
    OrganisationMember,
    OrganisationPage,
    RoleChange,
)
from lyceum.accounts.policy import Role
from lyceum.kernel.http.paging import Cursor, Limit, NamePart, decode_cursor, next_cursor

router = api_router("/api/v1/organisations", tags=["organisations"])


@router.post("", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(SIGNED_IN)
async def create_organisation(tx: Tx, who: Who, resources: CurrentResources, wanted: NewOrganisation) -> Organisation:
    """Make an organisation of your own."""
    return await service.create(tx, who, resources.settings, wanted)


@router.get("")
@needs(KNOWN)
async def list_organisations(tx: Tx, who: Who, limit: Limit = 50, cursor: Cursor = None) -> OrganisationPage:
    """List the organisations you are in."""
    items = await queries.list_organisations(tx, who, limit=limit, before=decode_cursor(cursor))
    return OrganisationPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/{org}")
@needs(KNOWN)
async def read_organisation(tx: Tx, who: Who, org: str) -> Organisation:
    """Read an organisation you are in."""
    return await queries.organisation_for(tx, who, org)


@router.patch("/{org}")
@needs(Power.ORGANISATION_MANAGE)
async def change_organisation(tx: Tx, who: Who, org: str, wanted: OrganisationChange) -> Organisation:
    """Give an organisation another title."""
    return await service.name_anew(tx, who, org, wanted.title)


@router.delete("/{org}", status_code=202, response_class=Response)
@needs(SIGNED_IN, Power.ORGANISATION_MANAGE, fresh=True)
async def delete_organisation(tx: Tx, who: Who, org: str, wanted: OrganisationEnd) -> Response:
    """Delete an organisation with everything it has; its data go within minutes."""
    await service.end(tx, who, org, name=wanted.name)
    return Response(status_code=202)


@router.get("/{org}/members")
@needs(KNOWN)
async def list_members(
    tx: Tx, who: Who, org: str, named: NamePart = None, limit: Limit = 50, cursor: Cursor = None
) -> MemberPage:
    """List the members of the organisation you act in."""
    items = await queries.list_members(tx, who, org, limit=limit, before=decode_cursor(cursor), named=named)
    return MemberPage(items=items, next=next_cursor([item.user_id for item in items], limit))


@router.patch("/{org}/members/{user_id}")
@needs(Power.MEMBERS_MANAGE)
async def change_member(tx: Tx, who: Who, org: str, user_id: UUID, wanted: RoleChange) -> OrganisationMember:
    """Give a member another role."""
    return await service.change_role(tx, who, org, user_id, Role(wanted.role))


@router.delete("/{org}/members/{user_id}", status_code=204)
@needs(Power.MEMBERS_MANAGE)
async def remove_member(tx: Tx, who: Who, org: str, user_id: UUID) -> Response:
    """End a membership: their keys open nothing within a second."""
    await service.remove_member(tx, who, org, user_id)
    return Response(status_code=204)


@router.post("/{org}/leave", status_code=204)
@needs(SIGNED_IN)
async def leave_organisation(tx: Tx, who: Who, org: str) -> Response:
    """Leave the organisation you act in."""
    await service.leave(tx, who, org)
    return Response(status_code=204)


@router.post("/{org}/transfer")
@needs(SIGNED_IN, Power.ORGANISATION_MANAGE, fresh=True)
async def transfer_organisation(tx: Tx, who: Who, org: str, wanted: NewOwner) -> OrganisationMember:
    """Hand an organisation over to another member; you are a maintainer then."""
    return await service.transfer(tx, who, org, wanted.user_id)
