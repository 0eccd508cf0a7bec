"""Who keys and sessions belong to, remembered: for a second in each process, for some more in the cache that all share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.enrolling import enrolling, has_factors_wanted
from lyceum.accounts.errors import KeysBusy
from lyceum.accounts.keys.uses import KeyUses
from lyceum.accounts.policy import ANYONE, Actor
from lyceum.accounts.queries import find_actor
from lyceum.accounts.sessions.public import (
    AccessTokens,
    SessionProof,
    SigningKeys,
    find_session_actor,
    proof_of,
)
from lyceum.kernel.cache.brief import BriefMemory
from lyceum.kernel.cache.shared import SharedCache, drop_after_commit
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of, has_key_form
from lyceum.kernel.tx import transaction

LOOKUPS_AT_ONCE = 6
"""Connections a process holds beside those of its requests' transactions, to find out who is asking."""
NEW_KEYS_AT_ONCE = 4
"""Of those, for keys nobody has come with before: a course that begins comes all at once."""
LOOKUP_SECONDS_MAX = 5.0
KNOWN_SECONDS = 1.0
KNOWN_KEYS_MAX = 10_000
NEW_KEYS_REMEMBERED_MAX = 1_000
NEW_KEYS_WAITING_MAX = 1_000
SHARED_SECONDS = 10.0
"""How long a key may be believed that was revoked while Valkey was away."""


class KnownActors:
    """Who keys belong to, remembered for a second: a revoked key works no longer than that.

    Keys nobody has come with before wait for each other in a line of their own and are remembered in a place of their
    own: however many are made up, the keys in use are looked up again in time and are not forgotten for them.
    `find` asks the database who has a key. Sessions are remembered in the same way by `sessions`; nobody makes those up.
    """

    def __init__(
        self,
        cache: SharedCache,
        find: Callable[[str], Awaitable[Actor]],
        *,
        sessions: "KnownSessions",
        new_keys_at_once: int = 1,
        uses: KeyUses | None = None,
    ) -> None:
        self.sessions = sessions
        self._uses = uses
        self._cache = cache
        self._find = find
        self._known: BriefMemory[bytes, Actor] = BriefMemory(seconds=KNOWN_SECONDS, entries_max=KNOWN_KEYS_MAX)
        self._new_keys: BriefMemory[bytes, Actor] = BriefMemory(
            seconds=KNOWN_SECONDS, entries_max=NEW_KEYS_REMEMBERED_MAX
        )
        self._turn_of_new_keys = asyncio.Semaphore(new_keys_at_once)

    async def actor_of(self, authorization: str) -> Actor:
        """Return who an API key in an `Authorization` header speaks for; `ANYONE` when it names nobody this hub knows.

        What could not be a key is nobody's without asking. Raises `KeysBusy` and what `find` raises.
        """
        kind, _, secret = authorization.partition(" ")
        if kind.lower() != "bearer" or not has_key_form(secret):
            return ANYONE
        who = await self._actor_of(secret)
        if self._uses is not None and who.key_id is not None:
            self._uses.note(who.key_id)
        return who

    async def _actor_of(self, secret: str) -> Actor:
        digest = digest_of(secret)
        if self._known.knows(digest):
            return await self._known.get(digest, self._shared, digest, secret)
        if self._new_keys.asking >= NEW_KEYS_WAITING_MAX:
            raise _busy()
        return await self._new_keys.get(digest, self._first_time, digest, secret)

    async def close(self) -> None:
        """End what is still being looked up: its connection would outlive the pool."""
        await self._known.close()
        await self._new_keys.close()
        await self.sessions.close()

    async def _first_time(self, digest: bytes, secret: str) -> Actor:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS_MAX):
                await self._turn_of_new_keys.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            asked_at = time.monotonic()
            who = await self._shared(digest, secret)
        finally:
            self._turn_of_new_keys.release()
        if who is not ANYONE:
            self._known.put(digest, who, asked_at=asked_at)
        return who

    async def _shared(self, digest: bytes, secret: str) -> Actor:
        return await _shared_actor(self._cache, digest, lambda: self._find(secret))


class KnownSessions:
    """Whose sessions are, remembered for a second: a revoked one opens nothing after that, and a request costs no query.

    `find` asks the database whose session it is and where it acts.
    """

    def __init__(
        self, cache: SharedCache, tokens: AccessTokens, find: Callable[[SessionProof], Awaitable[Actor]]
    ) -> None:
        self.tokens = tokens
        self._cache = cache
        self._find = find
        self._known: BriefMemory[SessionProof, Actor] = BriefMemory(seconds=KNOWN_SECONDS, entries_max=KNOWN_KEYS_MAX)

    async def proof_of(self, authorization: str, *, organisation: str | None = None) -> SessionProof | None:
        """Return whose session an access token in an `Authorization` header shows, None for anything else."""
        kind, _, token = authorization.partition(" ")
        return await proof_of(self.tokens, token, organisation=organisation) if kind.lower() == "bearer" else None

    async def actor_of(self, proof: SessionProof, *, anew: bool = False) -> Actor:
        """Return who acts in a session and where, `ANYONE` when it has ended; raises what `find` raises.

        What they did a moment ago may be missing from what is remembered; asked `anew` it is not, nor is the second factor
        that lets somebody in who had none.
        """
        if not anew:
            who = await self._known.get(proof, self._shared, proof)
            if not who.must_enrol:
                return who
        asked_at = time.monotonic()
        who = await self._find(proof)
        self._known.put(proof, who, asked_at=asked_at)
        return who

    async def close(self) -> None:
        """End what is still being looked up: its connection would outlive the pool."""
        await self._known.close()

    async def _shared(self, proof: SessionProof) -> Actor:
        async def load() -> Actor | None:
            found = await self._find(proof)
            return None if found is ANYONE else found

        name, tags = proof.name, proof.tags
        who = await self._cache.get("sessions", name, load, tags=tags, seconds=SHARED_SECONDS, as_type=Actor)
        return ANYONE if who is None or _has_run_out(who) else who


def known_actors(resources: Resources, *, uses: KeyUses | None = None) -> KnownActors:
    """Return the keys and sessions that a process knows, looked up in its database by a few at once."""
    # waiting here is fair, waiting in the pool is not
    turn = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def find(secret: str) -> Actor:
        async with turn, transaction(resources.database, NOBODY) as tx:
            return await find_actor(tx, secret)

    async def find_session(proof: SessionProof) -> Actor:
        async with turn, transaction(resources.database, NOBODY) as tx:
            who = await find_session_actor(tx, proof)
        return who if has_factors_wanted(who, resources.settings) else enrolling(who)

    sessions = KnownSessions(resources.cache, access_tokens(resources), find_session)
    return KnownActors(resources.cache, find, sessions=sessions, new_keys_at_once=NEW_KEYS_AT_ONCE, uses=uses)


def access_tokens(resources: Resources) -> AccessTokens:
    """Return what makes and reads this hub's access tokens."""
    return AccessTokens(SigningKeys(resources.database, resources.sealer), issuer=resources.settings.base_url)


async def _shared_actor(cache: SharedCache, digest: bytes, find: Callable[[], Awaitable[Actor]]) -> Actor:
    """Return who the key with this digest belongs to, as any process has found within the last seconds.

    Nobody's keys are not shared: however many are made up, they take no place.
    """

    async def load() -> Actor | None:
        found = await find()
        return None if found is ANYONE else found

    who = await cache.get("api_keys", digest.hex(), load, tags=[_tag(digest)], seconds=SHARED_SECONDS, as_type=Actor)
    return ANYONE if who is None or _has_run_out(who) else who


def _has_run_out(who: Actor) -> bool:
    return who.expires_at is not None and who.expires_at <= datetime.now(UTC)


def forget_after_commit(tx: AsyncSession, digest: bytes) -> None:
    """Have every process ask anew who the key with this digest belongs to, once `tx` has committed."""
    drop_after_commit(tx, _tag(digest))


def _busy() -> KeysBusy:
    return KeysBusy("Many keys that this process has not seen before are being looked up; try again in a moment.")


def _tag(digest: bytes) -> str:
    return f"api_key:{digest.hex()}"
