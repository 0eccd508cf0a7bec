"""At most so many in any stretch of time, counted for all processes in Valkey; and in PostgreSQL where it must be sure."""

from sqlalchemy import text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.limits.fields import Limit, Taken
from lyceum.kernel.tx import aside
from lyceum.kernel.valkey import Script, ValkeyAway, ValkeyLine

PARTS = 10
"""Of a window: what was taken counts until its whole part has left the window, so never more is granted than it says."""

# By the server's clock, which all processes share. A part is freed when the window has left it behind.
_TAKE = Script("""
local at_most, part_ms, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
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
local granted = used < at_most
if granted then
    redis.call('HINCRBY', KEYS[1], current, 1)
    redis.call('PEXPIRE', KEYS[1], part_ms * (parts + 1))
    if not counts[current] then numbers[#numbers + 1] = current end
    counts[current] = (counts[current] or 0) + 1
    used = used + 1
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
return {granted and 1 or 0, math.max(0, at_most - used), more_in, wait}
""")

_COUNT = text("SELECT granted, remaining, more_in, wait FROM definer.limit_take(:name, :at_most, :part_ms, :parts)")


class Windows:
    """Asks for one more of what a limit counts."""

    def __init__(self, line: ValkeyLine, database: Database) -> None:
        self._line = line
        self._database = database

    async def take(self, limit: Limit, of: str) -> Taken | None:
        """Ask for one more in the name of `of`; None when Valkey is away, and nothing is counted."""
        key = f"lyceum:limit:{limit.name}:{of}"
        try:
            row = await self._line.run(_TAKE, [key], [limit.at_most, _part_ms(limit), PARTS])
        except ValkeyAway:
            return None
        return _taken(limit, *row)

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
