"""What can be granted: kinds of objects, each of a module that knows its addresses; `wiring.GRANTABLE` lists them."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import KindUnknown
from lyceum.accounts.policy import Actor


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object that somebody sees, and whose it is."""

    id: UUID
    org_id: UUID
    address: str


@dataclass(frozen=True, slots=True)
class ObjectCard:
    """What a list says of an object: the address people type, and a title."""

    address: str
    title: str


@dataclass(frozen=True, slots=True)
class GrantableKind:
    """A kind of object; `find` returns the one at an address as the caller sees it, and raises what the module raises.

    `cards` returns those that the person sees whom the transaction works for, in at most two queries. What stands at an
    address that nobody may be told of, `definer.object_at` knows. The kind's name is that of its rows in `grants`.
    """

    kind: str
    find: Callable[[AsyncSession, Actor, str], Awaitable[ObjectRef]]
    cards: Callable[[AsyncSession, Collection[UUID]], Awaitable[Mapping[UUID, ObjectCard]]]


Grantable = Mapping[str, GrantableKind]


def kind_of(grantable: Grantable, kind: str) -> GrantableKind:
    """Return a kind by its name; raises `KindUnknown`."""
    if kind not in grantable:
        raise KindUnknown(f"{kind[:50]!r} is nothing that can be granted; say {', '.join(sorted(grantable))}.")
    return grantable[kind]
