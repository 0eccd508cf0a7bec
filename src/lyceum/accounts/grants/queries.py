"""Reads of grants and of requests for access."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import RequestNotFound
from lyceum.accounts.grants.kinds import Grantable, ObjectCard, kind_of
from lyceum.accounts.grants.models import AccessRequestRow, GrantRow
from lyceum.accounts.grants.schemas import AccessRequest, Grant, Grantee, GrantToMe
from lyceum.accounts.policy import Actor, Power, require, require_person

_PEOPLE = text("SELECT id, display_name, email FROM definer.people_granted(:ids)")
_GROUPS = text("SELECT id, name, org_name FROM definer.groups_granted(:ids)")
_TO_ME = text("SELECT * FROM definer.grants_to_me(:limit, :before)")

_Objects = Collection[tuple[str, UUID]]


async def list_grants(
    tx: AsyncSession,
    who: Actor,
    grantable: Grantable,
    *,
    kind: str | None,
    address: str | None,
    limit: int,
    before: UUID | None = None,
) -> list[Grant]:
    """Return what the organisation acted in has granted, of one object or of all, the newest first.

    Raises what finding the object raises.
    """
    org_id = require(who, Power.GRANTS_MANAGE)
    query = select(GrantRow).where(GrantRow.org_id == org_id).order_by(GrantRow.id.desc()).limit(limit)
    if kind is not None and address is not None:
        found = await kind_of(grantable, kind).find(tx, who, address)
        query = query.where(GrantRow.object_id == found.id, GrantRow.kind == kind)
    if before is not None:
        query = query.where(GrantRow.id < before)
    return await as_grants(tx, grantable, (await tx.scalars(query)).all())


async def list_grants_to_me(
    tx: AsyncSession, who: Actor, grantable: Grantable, *, limit: int, before: UUID | None = None
) -> list[GrantToMe]:
    """Return what the caller was granted and has not ended, the newest first."""
    require_person(who)
    rows = (await tx.execute(_TO_ME, {"limit": limit, "before": before})).all()
    cards = await _cards(tx, grantable, [(row.kind, row.object_id) for row in rows])
    listed = []
    for row in rows:
        card = cards.get(row.object_id)
        listed.append(
            GrantToMe(
                id=row.id,
                kind=row.kind,
                object_id=row.object_id,
                organisation=row.org_name,
                address=card.address if card else None,
                title=card.title if card else None,
                group=row.group_name,
                role=row.role,
                created_at=row.created_at,
                ends_at=row.ends_at,
            )
        )
    return listed


async def list_requests_to_decide(
    tx: AsyncSession, who: Actor, *, state: str | None = None, limit: int, before: UUID | None = None
) -> list[AccessRequest]:
    """Return what the organisation acted in was asked for, in any state or in one, the newest first: two queries."""
    org_id = require(who, Power.GRANTS_MANAGE)
    query = select(AccessRequestRow).where(AccessRequestRow.org_id == org_id)
    if state is not None:
        query = query.where(AccessRequestRow.state == state)
    if before is not None:
        query = query.where(AccessRequestRow.id < before)
    rows = (await tx.scalars(query.order_by(AccessRequestRow.id.desc()).limit(limit))).all()
    people = await _people(tx, {row.user_id for row in rows})
    return [as_request(row, asked_by=people.get(row.user_id)) for row in rows]


async def list_own_requests(
    tx: AsyncSession, who: Actor, *, state: str | None = None, limit: int, before: UUID | None = None
) -> list[AccessRequest]:
    """Return what the caller has asked for, the newest first; of what does not exist they read what they read of the rest."""
    query = select(AccessRequestRow).where(AccessRequestRow.user_id == require_person(who))
    if state is not None:
        query = query.where(AccessRequestRow.state == state)
    if before is not None:
        query = query.where(AccessRequestRow.id < before)
    rows = await tx.scalars(query.order_by(AccessRequestRow.id.desc()).limit(limit))
    return [as_request(row, asked_by=None) for row in rows]


async def request_row_for(tx: AsyncSession, who: Actor, request_id: UUID) -> AccessRequestRow:
    """Return a request to the organisation acted in, locked; raises `RequestNotFound`."""
    org_id = require(who, Power.GRANTS_MANAGE)
    wanted = select(AccessRequestRow).where(AccessRequestRow.id == request_id, AccessRequestRow.org_id == org_id)
    row = await tx.scalar(wanted.with_for_update())
    if row is None:
        raise RequestNotFound(f"There is no request {request_id} to {who.org_name}.")
    return row


async def as_grants(tx: AsyncSession, grantable: Grantable, rows: Iterable[GrantRow]) -> list[Grant]:
    """Return grants as their organisation sees them, in as many queries however many there are."""
    found = list(rows)
    cards = await _cards(tx, grantable, [(row.kind, row.object_id) for row in found])
    people = await _people(tx, {row.user_id for row in found if row.user_id})
    groups = await _groups(tx, {row.group_id for row in found if row.group_id})
    to = people | groups
    return [
        Grant(
            id=row.id,
            kind=row.kind,
            object_id=row.object_id,
            address=card.address if (card := cards.get(row.object_id)) else None,
            to=to[row.user_id or row.group_id or row.id],
            role=row.role,
            created_at=row.created_at,
            ends_at=row.ends_at,
        )
        for row in found
    ]


def as_request(row: AccessRequestRow, *, asked_by: Grantee | None) -> AccessRequest:
    """Return a request as those see it who may."""
    return AccessRequest(
        id=row.id,
        kind=row.kind,
        address=row.address,
        reason=row.reason,
        state=row.state,
        asked_by=asked_by,
        created_at=row.created_at,
        decided_at=row.decided_at,
        note=row.note,
    )


async def _cards(tx: AsyncSession, grantable: Grantable, objects: _Objects) -> Mapping[UUID, ObjectCard]:
    cards: dict[UUID, ObjectCard] = {}
    for kind in sorted({kind for kind, _ in objects} & grantable.keys()):
        cards |= await grantable[kind].cards(tx, [object_id for of, object_id in objects if of == kind])
    return cards


async def _people(tx: AsyncSession, ids: set[UUID]) -> dict[UUID, Grantee]:
    if not ids:
        return {}
    return {
        row.id: Grantee(user_id=row.id, group_id=None, name=row.display_name, email=row.email, organisation=None)
        for row in await tx.execute(_PEOPLE, {"ids": list(ids)})
    }


async def _groups(tx: AsyncSession, ids: set[UUID]) -> dict[UUID, Grantee]:
    if not ids:
        return {}
    return {
        row.id: Grantee(user_id=None, group_id=row.id, name=row.name, email=None, organisation=row.org_name)
        for row in await tx.execute(_GROUPS, {"ids": list(ids)})
    }
