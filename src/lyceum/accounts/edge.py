"""What every route takes: who is asking, and the transaction that works for them and commits before the reply."""

from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.known import LOOKUPS_AT_ONCE, KnownActors
from lyceum.accounts.policy import ANYONE, Actor
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

__all__ = ["LOOKUPS_AT_ONCE", "CurrentResources", "KnownActors", "Tx", "Who"]


def resources_of(request: Request) -> Resources:
    """Return what this process holds."""
    return cast("Resources", request.app.state.resources)


async def current_actor(request: Request) -> Actor:
    """Return who is asking; a request without a usable key comes from `ANYONE`."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return ANYONE
    known: KnownActors = request.app.state.known_actors
    return await known.actor_of(authorization)


CurrentResources = Annotated[Resources, Depends(resources_of)]
Who = Annotated[Actor, Depends(current_actor)]


async def open_tx(request: Request, who: Who) -> AsyncIterator[AsyncSession]:
    """Yield the request's transaction."""
    # one limit for the whole process: waiting here is fair, waiting in the pool is not
    async with request.app.state.transaction_turns, transaction(resources_of(request).database, who.scope) as tx:
        yield tx


Tx = Annotated[AsyncSession, Depends(open_tx, scope="function")]
