"""News for whoever follows: told in Valkey after the commit, and kept for a while for those who come back after a gap.

News say that something has changed, and are no truth: losing them costs nobody more than reading anew. Each stream keeps
its last `KEPT_NEWS`, and each of them has a position, by which a follower goes on where it was.
"""

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.tx import after_commit
from lyceum.kernel.valkey import Script, ValkeyAway, ValkeyLine

KEPT_NEWS = 200
KEPT_SECONDS = 120
"""After the last of a stream; a job has one of its own, and there may be a thousand jobs a second."""
TOLD_AT_ONCE = 100
TOLD_AFTER_COMMIT_MAX = 1000
_POSITION = re.compile(r"(\d{1,15})-(\d{1,15})-([0-9a-f]{8})")
_EPOCH_KEY = "lyceum:live-epoch"

log = logging.getLogger(__name__)

Position = tuple[int, int, str]
"""Milliseconds by the server's clock, a number within them, and the epoch: another one begins when Valkey is flushed."""

BEFORE_ALL: Position = (0, 0, "00000000")

_TELL = Script("""
redis.call('SET', KEYS[1], ARGV[1], 'NX')
local epoch = redis.call('GET', KEYS[1])
for i = 2, #KEYS do
    local position = redis.call('XADD', KEYS[i], 'MAXLEN', '~', ARGV[2], '*', 'news', ARGV[i + 2])
    redis.call('EXPIRE', KEYS[i], ARGV[3])
    redis.call('PUBLISH', KEYS[i], position .. '-' .. epoch .. ' ' .. ARGV[i + 2])
end
""")

# What has been added in all tells whether anything has been dropped at the old end. A stream with nothing in it is at the
# millisecond before this one, for in this one something may still be told.
_SINCE = Script("""
redis.call('SET', KEYS[2], ARGV[2], 'NX')
local epoch = redis.call('GET', KEYS[2])
local time = redis.call('TIME')
local now = string.format('%d-0', time[1] * 1000 + math.floor(time[2] / 1000) - 1)
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if #first == 0 then return {epoch, now, '', 1, '', {}} end
local added = 0
local facts = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #facts, 2 do
    if facts[i] == 'entries-added' then added = facts[i + 1] end
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local after = {}
if ARGV[1] ~= '' then after = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+') end
return {epoch, now, first[1][1], added == redis.call('XLEN', KEYS[1]) and 1 or 0, last[1][1], after}
""")


@dataclass(frozen=True, slots=True)
class Since:
    """What has been told after a position; not all of it unless `is_whole`. `position` is that of the last."""

    position: Position
    news: Sequence[tuple[Position, bytes]]
    is_whole: bool


def tell_after_commit(tx: AsyncSession, stream: str, news: Mapping[str, Any]) -> None:
    """Tell those who follow `stream` once `tx` has committed; nobody when it rolls back."""
    waiting: list[tuple[str, bytes]] | None = tx.info.get("news")
    if waiting is None:
        waiting = tx.info["news"] = []
        after_commit(tx, partial(_tell_last, tx.info["valkey"], waiting))
    waiting.append((stream, orjson.dumps(news, default=str)))


async def _tell_last(line: ValkeyLine, news: Sequence[tuple[str, bytes]]) -> None:
    # whoever made more at once than is kept does not have the caller wait for all of it
    await tell(line, news[-TOLD_AFTER_COMMIT_MAX:])


async def tell(line: ValkeyLine, news: Sequence[tuple[str, bytes]]) -> None:
    """Tell streams their news, each as JSON; without Valkey nobody is told, and whoever follows reads anew later."""
    try:
        for start in range(0, len(news), TOLD_AT_ONCE):
            part = news[start : start + TOLD_AT_ONCE]
            keys = [_EPOCH_KEY, *(key_of(stream) for stream, _ in part)]
            await line.run(_TELL, keys, [secrets.token_hex(4), KEPT_NEWS, KEPT_SECONDS, *(told for _, told in part)])
    except ValkeyAway:
        log.debug("news were not told", extra={"count": len(news)})


async def news_since(line: ValkeyLine, stream: str, after: Position | None) -> Since:
    """Return what a stream was told after a position, nothing for None; raises `ValkeyAway`."""
    asked = "" if after is None else f"{after[0]}-{after[1]}"
    keys = [key_of(stream), _EPOCH_KEY]
    epoch, now, first, is_untrimmed, last, rows = await line.run(_SINCE, keys, [asked, secrets.token_hex(4)])

    def at(entry_id: bytes) -> Position:
        return parse_position(f"{entry_id.decode()}-{epoch.decode()}") or BEFORE_ALL

    begins = at(first) if first else None
    position = at(last) if first else at(now)
    if after is None:
        return Since(position, [], is_whole=True)
    if after[2] != position[2]:
        return Since(position, [], is_whole=False)
    news = [(at(entry_id), fields[1]) for entry_id, fields in rows]
    # a stream that was there after `after` and is not any more has been silent for as long as one is kept
    kept_since = (begins or position)[0] - KEPT_SECONDS * 1000
    is_whole = (begins is not None and after >= begins) or (bool(is_untrimmed) and after[0] > kept_since)
    return Since(max(position, after), news if is_whole else [], is_whole=is_whole)


def key_of(stream: str) -> str:
    """Return the name of a stream, and of the channel it is told on, in Valkey."""
    return f"lyceum:live:{stream}"


def parse_position(text: str) -> Position | None:
    """Return the position a text stands for, None for any other text."""
    match = _POSITION.fullmatch(text)
    return (int(match[1]), int(match[2]), match[3]) if match else None


def as_text(position: Position) -> str:
    """Return a position as clients see it."""
    return "-".join(map(str, position))
