"""Who is asking and which version they mean, each remembered for a second."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from lyceum.accounts.edge import KeyUses
from lyceum.accounts.public import (
    Actor,
    KnownActors,
    KnownSessions,
    SessionProof,
    access_tokens,
    find_actor,
    find_session_actor,
    who_asks,
)
from lyceum.kernel.cache.brief import BriefMemory
from lyceum.kernel.cache.shared import SharedCache
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.errors import DatabaseAway
from lyceum.serve.predictions.queries import ServedVersion, find_version
from lyceum.serve.registry.errors import ModelNotFound

KNOWN_SECONDS = 1.0
KNOWN_ADDRESSES_MAX = 10_000
LOOKUPS_AT_ONCE = 2
LOOKUP_SECONDS_MAX = 5.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Lookups:
    """Asks for each key or session, and for each address somebody names, at most once a second."""

    def __init__(self, resources: Resources, *, cache: SharedCache | None = None, uses: KeyUses | None = None) -> None:
        cache = cache or resources.cache
        self._resources = resources
        self._database = resources.database
        sessions = KnownSessions(cache, access_tokens(resources), self._find_session_actor)
        self._known = KnownActors(cache, self._find_actor, sessions=sessions, uses=uses)
        self._versions: BriefMemory[tuple[Scope, str, str], ServedVersion] = BriefMemory(
            seconds=KNOWN_SECONDS, entries_max=KNOWN_ADDRESSES_MAX
        )
        # waiting here is fair, waiting in the pool is not
        self._turn = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def actor(self, authorization: bytes) -> Actor:
        """Return who an `Authorization` header speaks for, `ANYONE` for none; raises `DatabaseAway`, `KeysBusy`."""
        return await self._known.actor_of(authorization.decode("latin-1"))

    async def actor_in_session(self, connection: HTTPConnection) -> Actor:
        """Return who a request without an API key comes from, by access token or cookie; `ANYONE` for nobody.

        Raises why they are refused whatever they ask for, and `DatabaseAway`.
        """
        asking = await who_asks(connection, self._known, self._resources, method="POST")
        if asking.refusal is not None:
            raise asking.refusal
        return asking.who

    async def version(self, who: Actor, org: str, model: str) -> ServedVersion:
        """Return the version behind `org` and `model` (`name`, `name@alias`, `name@number`) for this caller.

        Raises `ModelNotFound`, also where the caller may not know of it, and `DatabaseAway`.
        """
        return await self._versions.get((who.scope, org, model), self._find_version, who.scope, org, model)

    async def close(self) -> None:
        """End what is still being looked up: its connection would outlive the pool."""
        await self._known.close()
        await self._versions.close()

    async def _find_actor(self, secret: str) -> Actor:
        return await self._read(NOBODY, lambda tx: find_actor(tx, secret))

    async def _find_session_actor(self, proof: SessionProof) -> Actor:
        return await self._read(NOBODY, lambda tx: find_session_actor(tx, proof))

    async def _find_version(self, scope: Scope, org: str, model: str) -> ServedVersion:
        name, _, which = model.partition("@")
        wanted = which if "@" in model else None
        found = await self._read(scope, lambda tx: find_version(tx, org, name, wanted))
        if found is None:
            raise ModelNotFound(f"There is no model {org}/{model} that this key may use.")
        return found

    async def _read(self, scope: Scope, read: Callable[[AsyncSession], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS_MAX), self._turn:
                try:
                    return await self._in_transaction(scope, read)
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    # the pool held connections from before a restart of the database
                    return await self._in_transaction(scope, read)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if isinstance(error, DBAPIError) and not _is_about_connection(error):
                raise
            log.warning("the database cannot be reached", extra={"cause": str(error)})
            raise DatabaseAway("The hub's database cannot be reached just now; try again in a moment.") from error

    async def _in_transaction(self, scope: Scope, read: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async with transaction(self._database, scope, writes=False) as tx:
            return await read(tx)


def _is_about_connection(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(("08", "57P", "53"))
