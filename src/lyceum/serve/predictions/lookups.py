"""Who is asking and which version they mean, each remembered for a second."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import ANYONE, Actor, find_actor, shared_actor
from lyceum.kernel.cache.brief import BriefMemory
from lyceum.kernel.cache.shared import SharedCache
from lyceum.kernel.db import NOBODY, Database, Scope
from lyceum.kernel.security import digest_of, has_key_form
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.errors import DatabaseAway, HubBusy
from lyceum.serve.predictions.queries import ServedVersion, find_version
from lyceum.serve.registry.errors import ModelNotFound

KNOWN_SECONDS = 1.0
KNOWN_KEYS_MAX = 10_000
KNOWN_ADDRESSES_MAX = 10_000
NEW_KEYS_REMEMBERED_MAX = 1_000
NEW_KEYS_WAITING_MAX = 1_000
LOOKUPS_AT_ONCE = 2
LOOKUP_SECONDS_MAX = 5.0
_SECRET_CHARACTERS_MAX = 200

T = TypeVar("T")

log = logging.getLogger(__name__)


class Lookups:
    """Asks the database at most once a second for each key, and for each key and address.

    Keys nobody has come with before wait for each other in a line of their own and are remembered in a place of their
    own: however many are made up, the keys in use are looked up again in time and are not forgotten for them.
    """

    def __init__(self, database: Database, cache: SharedCache) -> None:
        self._database = database
        self._cache = cache
        self._actors: BriefMemory[bytes, Actor] = BriefMemory(seconds=KNOWN_SECONDS, entries_max=KNOWN_KEYS_MAX)
        self._new_keys: BriefMemory[bytes, Actor] = BriefMemory(
            seconds=KNOWN_SECONDS, entries_max=NEW_KEYS_REMEMBERED_MAX
        )
        self._versions: BriefMemory[tuple[UUID | None, str, str], ServedVersion] = BriefMemory(
            seconds=KNOWN_SECONDS, entries_max=KNOWN_ADDRESSES_MAX
        )
        # waiting here is fair, waiting in the pool is not
        self._turn = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._turn_of_new_keys = asyncio.Semaphore(1)

    async def actor(self, authorization: bytes) -> Actor:
        """Return who an `Authorization` header speaks for, `ANYONE` for none; raises `DatabaseAway`, `HubBusy`."""
        kind, _, secret = authorization.decode("latin-1").partition(" ")
        if kind.lower() != "bearer" or len(secret) > _SECRET_CHARACTERS_MAX:
            return ANYONE
        digest = digest_of(secret)
        if self._actors.knows(digest):
            return await self._actors.get(digest, self._find_actor, digest, secret)
        if not has_key_form(secret):
            return ANYONE
        if self._new_keys.asking >= NEW_KEYS_WAITING_MAX:
            raise _too_many_new_keys()
        return await self._new_keys.get(digest, self._find_new_actor, digest, secret)

    async def version(self, who: Actor, org: str, model: str) -> ServedVersion:
        """Return the version behind `org` and `model` (`name`, `name@alias`, `name@number`) for this caller.

        Raises `ModelNotFound`, also where the caller may not know of it, and `DatabaseAway`.
        """
        return await self._versions.get((who.key_id, org, model), self._find_version, who.scope, org, model)

    async def close(self) -> None:
        """End what is still being looked up: its connection would outlive the pool."""
        await self._actors.close()
        await self._new_keys.close()
        await self._versions.close()

    async def _find_actor(self, digest: bytes, secret: str) -> Actor:
        return await shared_actor(self._cache, digest, lambda: self._read(NOBODY, lambda tx: find_actor(tx, secret)))

    async def _find_new_actor(self, digest: bytes, secret: str) -> Actor:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS_MAX):
                await self._turn_of_new_keys.acquire()
        except TimeoutError:
            raise _too_many_new_keys() from None
        try:
            asked_at = time.monotonic()
            who = await self._find_actor(digest, secret)
        finally:
            self._turn_of_new_keys.release()
        if who is not ANYONE:
            self._actors.put(digest, who, asked_at=asked_at)
        return who

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
        async with transaction(self._database, scope) as tx:
            return await read(tx)


def _too_many_new_keys() -> HubBusy:
    return HubBusy("Many keys that this process has not seen before are being looked up; try again in a moment.")


def _is_about_connection(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(("08", "57P", "53"))
