"""Writes of grants: give, take back, ask, approve, refuse."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import (
    ExpiryPast,
    GrantNotFound,
    GroupNotFound,
    KindUnknown,
    PersonNotFound,
    RequestDecided,
)
from lyceum.accounts.events import AccessAsked, AccessDecided
from lyceum.accounts.grants.kinds import Grantable, kind_of
from lyceum.accounts.grants.models import AccessRequestRow, GrantRow
from lyceum.accounts.grants.queries import as_grants, as_request, request_row_for
from lyceum.accounts.grants.schemas import AccessRequest, Approval, Grant, NewAccessRequest, NewGrant
from lyceum.accounts.policy import Actor, NotAllowed, Power, require, require_person
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id

_COLLEAGUE = text("SELECT definer.colleague_at(:email)")
_GROUP_IS_NEAR = text("SELECT definer.group_is_near(:group_id)")
# One statement, and one row written, whether there is such an object or not: neither the answer nor its time tells.
_ASK = text("""
    INSERT INTO access_requests (id, org_id, kind, object_id, address, user_id, reason)
    SELECT :id, found.org_id, :kind, found.object_id, :address, :user_id, :reason
    FROM (SELECT 1) AS one LEFT JOIN definer.object_at(:kind, :org, :name) AS found ON true
    ON CONFLICT (user_id, kind, address) WHERE state = 'pending' DO NOTHING
""")


async def grant(tx: AsyncSession, who: Actor, grantable: Grantable, wanted: NewGrant) -> Grant:
    """Give a role on an object of the organisation acted in; given again, it is changed.

    Raises what finding the object raises, `PersonNotFound`, `GroupNotFound` and `ExpiryPast`. It tells of nobody who is
    in no organisation with the caller.
    """
    org_id = require(who, Power.GRANTS_MANAGE)
    _refuse_past(wanted.ends_at)
    found = await kind_of(grantable, wanted.kind).find(tx, who, wanted.address)
    if found.org_id != org_id:
        raise NotAllowed(f"{found.address} is not {who.org_name}'s, so others grant it.")
    user_id = await _colleague(tx, wanted.user_email) if wanted.user_email is not None else None
    if wanted.group_id is not None and not await tx.scalar(_GROUP_IS_NEAR, {"group_id": wanted.group_id}):
        raise GroupNotFound(f"There is no group {wanted.group_id} in an organisation that you are in.")
    row = await _give(
        tx,
        who,
        {
            "org_id": org_id,
            "kind": wanted.kind,
            "object_id": found.id,
            "user_id": user_id,
            "group_id": wanted.group_id,
            "role": wanted.role,
            "ends_at": wanted.ends_at,
        },
    )
    return (await as_grants(tx, grantable, [row]))[0]


async def take_back(tx: AsyncSession, who: Actor, grant_id: UUID) -> None:
    """End a grant of the organisation acted in, or give one's own back; raises `GrantNotFound`."""
    user_id = require_person(who)
    row = await tx.get(GrantRow, grant_id)
    if row is None:
        raise GrantNotFound(f"There is no grant {grant_id} that you may end.")
    if row.user_id != user_id:
        require(who, Power.GRANTS_MANAGE)
    await tx.execute(delete(GrantRow).where(GrantRow.id == grant_id))


async def ask(tx: AsyncSession, who: Actor, grantable: Grantable, wanted: NewAccessRequest) -> None:
    """Ask whoever may grant an object for access to it; what is not there is asked for alike. Twice changes nothing."""
    user_id = require_person(who)
    org, name = _parts(kind_of(grantable, wanted.kind).kind, wanted.address)
    request_id = new_id()
    asked = {"id": request_id, "kind": wanted.kind, "user_id": user_id, "org": org, "name": name}
    await tx.execute(_ASK, {**asked, "address": wanted.address, "reason": wanted.reason})
    await publish(tx, AccessAsked(request_id=request_id))


async def approve(tx: AsyncSession, who: Actor, request_id: UUID, wanted: Approval) -> AccessRequest:
    """Grant what was asked for; raises `RequestNotFound`, `RequestDecided`, `ExpiryPast`."""
    _refuse_past(wanted.ends_at)
    row = await _decided(tx, who, request_id, "approved", note=wanted.note)
    await _give(
        tx,
        who,
        {
            "org_id": row.org_id,
            "kind": row.kind,
            "object_id": row.object_id,
            "user_id": row.user_id,
            "group_id": None,
            "role": wanted.role,
            "ends_at": wanted.ends_at,
        },
    )
    return as_request(row, asked_by=None)


async def refuse(tx: AsyncSession, who: Actor, request_id: UUID, *, note: str = "") -> AccessRequest:
    """Decide against a request, with a word to whoever asked; raises `RequestNotFound`, `RequestDecided`."""
    return as_request(await _decided(tx, who, request_id, "refused", note=note), asked_by=None)


async def _decided(tx: AsyncSession, who: Actor, request_id: UUID, state: str, *, note: str) -> AccessRequestRow:
    row = await request_row_for(tx, who, request_id)
    if row.state != "pending":
        raise RequestDecided(f"The request was {row.state} before.")
    row.state, row.decided_by, row.decided_at, row.note = state, who.user_id, datetime.now(UTC), note
    await tx.flush()
    await publish(tx, AccessDecided(request_id=request_id))
    return row


async def _give(tx: AsyncSession, who: Actor, values: dict[str, object]) -> GrantRow:
    to = "user_id" if values["user_id"] is not None else "group_id"
    given = insert(GrantRow).values(id=new_id(), granted_by=who.user_id, **values)
    changed = given.on_conflict_do_update(
        index_elements=[to, "kind", "object_id"],
        index_where=text(f"{to} IS NOT NULL"),
        set_={name: given.excluded[name] for name in ("role", "ends_at", "granted_by")} | {"created_at": func.now()},
    )
    returned = await tx.scalars(changed.returning(GrantRow), execution_options={"populate_existing": True})
    return returned.one()


async def _colleague(tx: AsyncSession, email: str) -> UUID:
    user_id: UUID | None = await tx.scalar(_COLLEAGUE, {"email": email})
    if user_id is None:
        raise PersonNotFound(
            f"Nobody with the address {email} is in an organisation that you are in; have them ask for access."
        )
    return user_id


def _refuse_past(ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= datetime.now(UTC):
        raise ExpiryPast(f"The grant would have ended at {ends_at.isoformat()}; give a time to come.")


def _parts(kind: str, address: str) -> tuple[str, str]:
    """Return the organisation's name and the object's; of what has an id alone, an empty name and the id."""
    org, slash, name = address.partition("/")
    if slash and org and name:
        return org, name
    try:
        return "", str(UUID(address))
    except ValueError:
        raise KindUnknown(f"{address[:100]!r} is no address of a {kind}; write org/name, or the id of a run.") from None
