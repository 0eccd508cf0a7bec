"""At most so many in any stretch of time, counted for all processes in Valkey; and in PostgreSQL where it must be sure."""

import time
from dataclasses import dataclass

from sqlalchemy import text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.limits.fields import Limit, Taken
from lyceum.kernel.tx import aside
from lyceum.kernel.valkey import Script, ValkeyAway, ValkeyLine

PARTS = 10
"""Of a window: what was taken counts until its whole part has left the window, so never more is granted than it says."""

SHARE_MAX = 50
SHARES = 20
"""Of a limit: a process takes one ahead and spends it by itself, for a question to Valkey costs more than most answers."""
SHARE_SECONDS = 1.0
"""How long it may spend a share; what is left is given back with its next question."""
NAMES_MAX = 10_000

# By the server's clock, which all processes share. A part is freed when the window has left it behind.
_TAKE = Script("""
local at_most, part_ms, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local wanted, share_part, unspent = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = math.floor(now / part_ms)
local kept = redis.call('HGETALL', KEYS[1])
local used, numbers, counts = 0, {}, {}
for i = 1, #kept, 2 do
    local number = tonumber(kept[i])
    if number < current - parts or number > current then
        redis.call('HDEL', KEYS[1], kept[i])
    else
        numbers[#numbers + 1] = number
        counts[number] = tonumber(kept[i + 1])
        used = used + counts[number]
    end
end
if unspent > 0 and counts[share_part] then
    unspent = math.min(unspent, counts[share_part])
    redis.call('HINCRBY', KEYS[1], share_part, -unspent)
    counts[share_part] = counts[share_part] - unspent
    used = used - unspent
end
local granted = math.max(0, math.min(wanted, at_most - used))
if granted > 0 then
    redis.call('HINCRBY', KEYS[1], current, granted)
    redis.call('PEXPIRE', KEYS[1], part_ms * (parts + 1))
    if not counts[current] then numbers[#numbers + 1] = current end
    counts[current] = (counts[current] or 0) + granted
    used = used + granted
end
table.sort(numbers)
local more_in, wait, after = 0, 0, used
for _, number in ipairs(numbers) do
    local freed_in = (number + parts + 1) * part_ms - now
    if more_in == 0 then more_in = freed_in end
    if after >= at_most then
        wait = freed_in
        after = after - counts[number]
    end
end
return {granted, math.max(0, at_most - used), more_in, wait, current}
""")

_COUNT = text("SELECT granted, remaining, more_in, wait FROM definer.limit_take(:name, :at_most, :part_ms, :parts)")


@dataclass(slots=True)
class _Share:
    """What a process has taken ahead: how many it may still spend, until when, and what was left for all besides."""

    left: int
    part: int
    until: float
    remaining: int
    more_in_at: float


class Windows:
    """Asks for one more of what a limit counts; one a process, which spends small shares of each limit by itself.

    In no stretch of time is more granted than the limit says, but for one share of each process, whose size is a
    twentieth of the limit.
    """

    def __init__(self, line: ValkeyLine, database: Database) -> None:
        self._line = line
        self._database = database
        self._shares: dict[str, _Share] = {}

    async def take(self, limit: Limit, of: str) -> Taken | None:
        """Ask for one more in the name of `of`; None when Valkey is away, and nothing is counted."""
        key = f"lyceum:limit:{limit.name}:{of}"
        now = time.monotonic()
        share = self._shares.get(key)
        if share is not None and share.left > 0 and now < share.until:
            share.left -= 1
            return Taken(limit, share.remaining + share.left, max(0.0, share.more_in_at - now), None)
        part, unspent = (share.part, share.left) if share is not None else (0, 0)
        self._shares.pop(key, None)
        wanted = max(1, min(SHARE_MAX, limit.at_most // SHARES))
        asked = [limit.at_most, _part_ms(limit), PARTS, wanted, part, unspent]
        try:
            granted, remaining, more_in_ms, wait_ms, part = await self._line.run(_TAKE, [key], asked)
        except ValkeyAway:
            return None
        if granted > 1:
            # several may have asked at once, and each has brought a share
            held = self._shares.pop(key, None)
            left = granted - 1 + (held.left if held is not None else 0)
            self._shares[key] = _Share(left, part, now + SHARE_SECONDS, remaining, now + more_in_ms / 1000)
            if len(self._shares) > NAMES_MAX:
                del self._shares[next(iter(self._shares))]
        return _taken(limit, granted, remaining + max(0, granted - 1), more_in_ms, wait_ms)

    async def take_surely(self, limit: Limit, of: str) -> Taken:
        """Ask for one more in the name of `of`, of PostgreSQL when Valkey is away; for what must never be open.

        Raises what a database that cannot be reached raises.
        """
        taken = await self.take(limit, of)
        if taken is not None:
            return taken
        asked = {"name": f"{limit.name}:{of}", "at_most": limit.at_most, "part_ms": _part_ms(limit), "parts": PARTS}
        async with aside(self._database, NOBODY) as tx:
            row = (await tx.execute(_COUNT, asked)).one()
        return _taken(limit, *row)


def _part_ms(limit: Limit) -> int:
    return limit.seconds * 1000 // PARTS


def _taken(limit: Limit, granted: int, remaining: int, more_in_ms: int, wait_ms: int) -> Taken:
    return Taken(
        limit=limit,
        remaining=remaining,
        more_in_seconds=more_in_ms / 1000,
        wait_seconds=None if granted else wait_ms / 1000,
    )
