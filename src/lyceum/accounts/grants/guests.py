"""What a grant lets somebody do in an organisation that is not theirs: they act there as a guest, with that one object."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import GRANTED_POWERS, Actor, Power, Role
from lyceum.kernel.tx import acting_in

_ROLE = text("SELECT definer.granted_role(:kind, :object_id)")
_MAINTAINS = text("SELECT definer.maintains_any(:kind)")


def granted_ids(kind: str) -> ColumnElement[list[UUID]]:
    """Return the ids of what the person a transaction works for was granted, for `==` with an id; asked once a statement."""
    if not kind.isidentifier():
        raise ValueError(f"{kind!r} is no kind of object")
    return func.any(literal_column(f"(SELECT definer.granted_ids('{kind}'))::uuid[]"))


async def guest_for(
    tx: AsyncSession, who: Actor, *, kind: str, object_id: UUID, org_id: UUID, org_name: str, need: Power
) -> Actor | None:
    """Return the caller as a guest of an object's organisation, None unless they were granted `need` on that object.

    For `acting_in` that organisation, and for nothing but that object.
    """
    role = await tx.scalar(_ROLE, {"kind": kind, "object_id": object_id})
    if role is None:
        return None
    powers = GRANTED_POWERS[Role(role)]
    left = frozenset(powers if who.scopes is None else powers & who.scopes)
    return replace(who, org_id=org_id, org_name=org_name, powers=left) if need in left else None


def is_granted(who: Actor, role: str, need: Power) -> bool:
    """Say whether somebody who was granted a role on an object may do `need` with it, under the scopes of their key."""
    return need in GRANTED_POWERS[Role(role)] and (who.scopes is None or need in who.scopes)


@asynccontextmanager
async def acting_as(tx: AsyncSession, guest: Actor) -> AsyncIterator[Actor]:
    """Have `tx` work for the organisation that somebody is a guest of, and yield the guest."""
    if guest.org_id is None:
        raise ValueError("a guest is somewhere")
    async with acting_in(tx, guest.org_id):
        yield guest


async def maintains_any(tx: AsyncSession, who: Actor, *, kind: str, need: Power) -> bool:
    """Say whether the caller may do `need`, which changes, with any object of a kind by a grant."""
    may = who.scopes is None or need in who.scopes
    return may and bool(await tx.scalar(_MAINTAINS, {"kind": kind}))
