"""Up to where each organisation has written, as every process of the hub knows it: positions in PostgreSQL's log, in Valkey.

Only used where a replica is named. A position is noted after the commit and before the reply, so that whoever reads next
can tell whether a replica has it. `FLOOR` is what every reader needs at least: when it is missing, Valkey has lost what was
noted, and nobody reads from the replica until the floor has been set to where the primary is by then.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

NOTE_TTL_SECONDS = 600
"""Far above the lag at which a replica is no longer read from."""
NOTE_AGAIN_SECONDS = 0.05
PENDING_SECONDS = 5
UNKNOWN = 2**64 - 1
"""A position nobody has reached: only the primary will do."""
_PREFIX = "{written}:"
FLOOR = f"{_PREFIX}floor"
_PENDING = "pending "
# positions of sixteen digits compare as text; a later note never takes the place of one further on
_NOTE = """
local known = redis.call('GET', KEYS[1])
if not known or known < ARGV[1] then known = ARGV[1] end
redis.call('SET', KEYS[1], known, 'EX', ARGV[2])
"""
_SETTLE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0"

log = logging.getLogger(__name__)


def position_of(lsn: str) -> int:
    """Return a `pg_lsn` as a number."""
    high, _, low = lsn.partition("/")
    return int(high, 16) << 32 | int(low, 16)


@dataclass(slots=True)
class Written:
    """Where organisations have written; one for each process."""

    valkey: Redis
    _unnoted: dict[UUID, int] = field(default_factory=dict)
    _noting: asyncio.Task[None] | None = None

    async def note(self, org_id: UUID, lsn: str | None) -> None:
        """Have every reader of an organisation look for this position from now on, for the primary when it is None.

        While Valkey cannot be written this process knows it alone, and tries again until it can be.
        """
        position = UNKNOWN if lsn is None else position_of(lsn)
        try:
            await self._note(org_id, position)
        except (RedisError, OSError) as error:
            if not self._unnoted:
                log.warning("what was written last could not be noted; trying again", extra={"cause": str(error)})
            self._unnoted[org_id] = max(position, self._unnoted.get(org_id, 0))
            if self._noting is None or self._noting.done():
                self._noting = asyncio.create_task(self._note_the_rest())

    async def needed_by(self, org_id: UUID | None) -> int:
        """Return how far a replica has to be for an organisation to read from it, `UNKNOWN` when that is not known.

        One round trip to Valkey; raises what that raises.
        """
        if org_id in self._unnoted:
            return UNKNOWN
        keys = [FLOOR] if org_id is None else [FLOOR, _key(org_id)]
        floor, *own = await cast("Awaitable[list[bytes | None]]", self.valkey.mget(keys))
        if floor is None or floor.startswith(_PENDING.encode()):
            return UNKNOWN
        return max(int(found, 16) for found in (floor, *own) if found is not None)

    async def has_floor(self) -> bool:
        """Say whether there is a floor, or somebody is about to set one."""
        return bool(await self.valkey.exists(FLOOR))

    async def raise_floor(self, position_now: Callable[[], Awaitable[int]]) -> None:
        """Have every reader look for where the primary is now.

        The position is asked for when nobody relies on an older floor any more; one that was lost meanwhile stays lost.
        """
        mark = f"{_PENDING}{secrets.token_hex(8)}"
        await self.valkey.set(FLOOR, mark, ex=PENDING_SECONDS)
        position = _text(await position_now())
        await self.valkey.eval(_SETTLE, 1, FLOOR, mark, position)

    async def close(self) -> None:
        """Give up what could not be noted."""
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.wait([self._noting])

    async def _note(self, org_id: UUID, position: int) -> None:
        await self.valkey.eval(_NOTE, 1, _key(org_id), _text(position), str(NOTE_TTL_SECONDS))

    async def _note_the_rest(self) -> None:
        while self._unnoted:
            await asyncio.sleep(NOTE_AGAIN_SECONDS)
            for org_id, position in list(self._unnoted.items()):
                try:
                    await self._note(org_id, position)
                except (RedisError, OSError):
                    break
                # one that was written meanwhile stays
                if self._unnoted.get(org_id) == position:
                    del self._unnoted[org_id]


def _key(org_id: UUID) -> str:
    return f"{_PREFIX}{org_id}"


def _text(position: int) -> str:
    return f"{position:016x}"
