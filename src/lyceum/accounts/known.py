"""Who keys belong to, remembered: for a second in each process, for some more in the cache that all of them share."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import ANYONE, Actor
from lyceum.accounts.queries import find_actor
from lyceum.kernel.cache.brief import BriefMemory
from lyceum.kernel.cache.shared import SharedCache, drop_after_commit
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of, has_key_form
from lyceum.kernel.tx import transaction

LOOKUPS_AT_ONCE = 2
"""Connections a process holds beside those of its requests' transactions, to find out who is asking."""
KNOWN_SECONDS = 1.0
KNOWN_KEYS_MAX = 10_000
SHARED_SECONDS = 10.0
"""How long a key may be believed that was revoked while Valkey was away."""


class KnownActors:
    """Who keys belong to, remembered for a second: a revoked key works no longer than that."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._known: BriefMemory[bytes, Actor] = BriefMemory(seconds=KNOWN_SECONDS, entries_max=KNOWN_KEYS_MAX)
        # waiting here is fair, waiting in the pool is not
        self._turn = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def actor_of(self, authorization: str) -> Actor:
        """Return who an `Authorization` header speaks for; `ANYONE` when it names nobody this hub knows.

        What could not be a key is nobody's without asking.
        """
        kind, _, secret = authorization.partition(" ")
        if kind.lower() != "bearer" or not has_key_form(secret):
            return ANYONE
        digest = digest_of(secret)
        return await self._known.get(digest, self._shared, digest, secret)

    async def close(self) -> None:
        """End what is still being looked up: its connection would outlive the pool."""
        await self._known.close()

    async def _shared(self, digest: bytes, secret: str) -> Actor:
        return await shared_actor(self._resources.cache, digest, lambda: self._find(secret))

    async def _find(self, secret: str) -> Actor:
        async with self._turn, transaction(self._resources.database, NOBODY) as tx:
            return await find_actor(tx, secret)


async def shared_actor(cache: SharedCache, digest: bytes, find: Callable[[], Awaitable[Actor]]) -> Actor:
    """Return who the key with this digest belongs to, as any process has found within the last seconds.

    Nobody's keys are not shared: however many are made up, they take no place.
    """

    async def load() -> Actor | None:
        found = await find()
        return None if found is ANYONE else found

    who = await cache.get("api_keys", digest.hex(), load, tags=[_tag(digest)], seconds=SHARED_SECONDS, as_type=Actor)
    if who is None or (who.expires_at is not None and who.expires_at <= datetime.now(UTC)):
        return ANYONE
    return who


def forget_after_commit(tx: AsyncSession, digest: bytes) -> None:
    """Have every process ask anew who the key with this digest belongs to, once `tx` has committed."""
    drop_after_commit(tx, _tag(digest))


def _tag(digest: bytes) -> str:
    return f"api_key:{digest.hex()}"
