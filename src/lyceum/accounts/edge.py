"""What every route takes: who is asking, and the transaction that works for them and commits before the reply."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import ANYONE, Actor
from lyceum.accounts.queries import find_actor
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of, has_key_form
from lyceum.kernel.tx import transaction

LOOKUPS_AT_ONCE = 2
"""Connections a process holds beside those of its requests' transactions, to find out who is asking."""
KNOWN_SECONDS = 1.0
KNOWN_KEYS_MAX = 10_000


class KnownActors:
    """Who keys belong to, remembered for a second: a revoked key works no longer than that."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[float, Actor]] = OrderedDict()

    def get(self, digest: bytes) -> Actor | None:
        """Return the key's actor when it was looked up within the last second."""
        entry = self._known.get(digest)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def put(self, digest: bytes, actor: Actor) -> None:
        """Remember the key's actor."""
        self._known[digest] = (time.monotonic() + KNOWN_SECONDS, actor)
        self._known.move_to_end(digest)
        while len(self._known) > KNOWN_KEYS_MAX:
            self._known.popitem(last=False)


def resources_of(request: Request) -> Resources:
    """Return what this process holds."""
    return cast("Resources", request.app.state.resources)


async def bearer_actor(resources: Resources, known: KnownActors, authorization: str) -> Actor:
    """Return who an `Authorization` header speaks for; `ANYONE` when it names nobody this hub knows.

    What could not be a key is nobody's without asking.
    """
    kind, _, secret = authorization.partition(" ")
    if kind.lower() != "bearer" or not has_key_form(secret):
        return ANYONE
    digest = digest_of(secret)
    actor = known.get(digest)
    if actor is None:
        async with transaction(resources.database, NOBODY) as tx:
            actor = await find_actor(tx, secret)
        known.put(digest, actor)
    return actor


async def current_actor(request: Request) -> Actor:
    """Return who is asking; a request without a usable key comes from `ANYONE`."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return ANYONE
    return await bearer_actor(resources_of(request), request.app.state.known_actors, authorization)


CurrentResources = Annotated[Resources, Depends(resources_of)]
Who = Annotated[Actor, Depends(current_actor, max_concurrency=LOOKUPS_AT_ONCE)]


async def open_tx(request: Request, who: Who) -> AsyncIterator[AsyncSession]:
    """Yield the request's transaction."""
    # one limit for the whole process: waiting here is fair, waiting in the pool is not
    async with request.app.state.transaction_turns, transaction(resources_of(request).database, who.scope) as tx:
        yield tx


Tx = Annotated[AsyncSession, Depends(open_tx, scope="function")]
