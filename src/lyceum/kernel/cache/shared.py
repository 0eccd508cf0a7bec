"""Answers kept in Valkey for all processes: loaded once however many ask, and forgotten when what they hang on changes.

Each tag has a stamp. An answer is kept together with the stamps that stood before it was loaded and counts only while
they still stand. A change gives its tags new stamps once it has committed; so what was read from before the change is
not kept after it, and losing any part of this, by eviction or a flush, has no answer believed that should not be.
"""

import asyncio
import hashlib
import hmac
import logging
import math
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec
from prometheus_client import Counter
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import after_commit
from lyceum.kernel.valkey import Script, ValkeyAway, ValkeyLine

ENTRY_BYTES_MAX = 256 * 1024
STAMP_SECONDS = 86_400
LOCK_SECONDS = 2.0
LOCK_LOOK_SECONDS = 0.02
EARLINESS = 1.0
_OUTCOMES = ("hit", "waited", "miss", "early", "away")
_SEAL_BYTES = 16

T = TypeVar("T")

log = logging.getLogger(__name__)

_reads_total = Counter(
    "lyceum_cache_reads_total", "Answers asked of the shared cache, by outcome", ["cache", "outcome"], registry=registry
)

# What has no stamp is given one, so that no answer ever hangs on a stamp that is not there.
_READ = Script("""
local answer = {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1])}
for i = 2, #KEYS do
    local stamp = redis.call('GET', KEYS[i])
    if not stamp then
        stamp = ARGV[1]
        redis.call('SET', KEYS[i], stamp, 'EX', ARGV[2])
    end
    answer[#answer + 1] = stamp
end
return answer
""")

_KEEP = Script("""
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
for i = 3, #KEYS do
    if redis.call('GET', KEYS[i]) ~= ARGV[i + 1] then return 0 end
end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
""")


class _Entry(msgspec.Struct, frozen=True):
    stamps: list[str]
    load_seconds: float
    value: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Wanted(Generic[T]):
    cache: str
    name: str
    tags: tuple[str, ...]
    seconds: float
    as_type: Any
    load: Callable[[], Awaitable[T | None]]

    @property
    def entry_key(self) -> str:
        return f"lyceum:cache:{self.cache}:{self.name}"

    @property
    def lock_key(self) -> str:
        return f"{self.entry_key}:lock"

    @property
    def tag_keys(self) -> list[str]:
        return [_tag_key(tag) for tag in self.tags]


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    value: T | None
    stamps: list[str]
    is_due: bool


class SharedCache:
    """Answers kept for all processes of the hub, sealed so that nobody who can write to Valkey can make one up."""

    def __init__(self, line: ValkeyLine, *, secret_key: bytes) -> None:
        self._line = line
        self._seal_key = hashlib.sha256(b"lyceum cache\n" + secret_key).digest()
        self._asking: dict[str, asyncio.Task[Any]] = {}
        self._counted: set[str] = set()

    async def get(
        self,
        cache: str,
        name: str,
        load: Callable[[], Awaitable[T | None]],
        *,
        tags: Sequence[str],
        seconds: float,
        as_type: type[T],
    ) -> T | None:
        """Return the answer kept as `name`, else that of `load()`, which is kept for `seconds` from when it was asked.

        `load` reads in a transaction of its own, never in one that has changed what the tags name. None is not kept, nor
        what is larger than `ENTRY_BYTES_MAX`. Raises what `load` raises, and nothing when Valkey is away or slow.
        `cache` names the kind of answer in metrics.
        """
        if cache not in self._counted:
            # all series of a kind at once, so that none appears when something first goes wrong
            self._counted.add(cache)
            for outcome in _OUTCOMES:
                _reads_total.labels(cache, outcome)
        wanted = _Wanted(cache, name, tuple(tags), seconds, as_type, load)
        # one caller who hangs up must not end the question of the others
        asking = self._asking.get(wanted.entry_key) or self._start(wanted, self._answer(wanted))
        answer: T | None = await asyncio.shield(asking)
        return answer

    async def close(self) -> None:
        """End what is still being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _start(self, wanted: _Wanted[T], work: Any) -> "asyncio.Task[T | None]":
        task: asyncio.Task[T | None] = asyncio.create_task(work)
        self._asking[wanted.entry_key] = task
        task.add_done_callback(lambda done: self._ended(wanted.entry_key, done))
        return task

    def _ended(self, key: str, task: "asyncio.Task[Any]") -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        # a refresh behind the answer has nobody to tell; the next caller asks again and is told
        if not task.cancelled():
            task.exception()

    async def _answer(self, wanted: _Wanted[T]) -> T | None:
        try:
            found = await self._read(wanted)
            if found.value is None:
                return await self._load_alone(wanted, found.stamps)
        except ValkeyAway:
            _reads_total.labels(wanted.cache, "away").inc()
            return await wanted.load()
        _reads_total.labels(wanted.cache, "hit").inc()
        if found.is_due:
            self._start(wanted, self._refresh(wanted, found))
        return found.value

    async def _refresh(self, wanted: _Wanted[T], found: _Found[T]) -> T | None:
        """Load once more before the answer runs out, unless another process does already."""
        try:
            token = await self._lock(wanted)
        except ValkeyAway:
            token = None
        if token is None:
            return found.value
        _reads_total.labels(wanted.cache, "early").inc()
        return await self._load(wanted, found.stamps, token)

    async def _load_alone(self, wanted: _Wanted[T], stamps: list[str]) -> T | None:
        """Load while the other processes wait for the answer; whoever has waited in vain loads as well."""
        deadline = time.monotonic() + LOCK_SECONDS
        while (token := await self._lock(wanted)) is None and time.monotonic() < deadline:
            await asyncio.sleep(LOCK_LOOK_SECONDS)
            found = await self._read(wanted)
            if found.value is not None:
                _reads_total.labels(wanted.cache, "waited").inc()
                return found.value
            stamps = found.stamps
        if token is not None:
            # another process may have loaded and kept it, all between our look and our turn
            found = await self._read(wanted)
            if found.value is not None:
                await self._keep(wanted, found.stamps, token, None, load_seconds=0.0)
                _reads_total.labels(wanted.cache, "waited").inc()
                return found.value
            stamps = found.stamps
        _reads_total.labels(wanted.cache, "miss").inc()
        return await self._load(wanted, stamps, token or "")

    async def _load(self, wanted: _Wanted[T], stamps: list[str], token: str) -> T | None:
        began = time.monotonic()
        value: T | None = None
        try:
            value = await wanted.load()
        finally:
            await self._keep(wanted, stamps, token, value, load_seconds=time.monotonic() - began)
        return value

    async def _read(self, wanted: _Wanted[T]) -> _Found[T]:
        keys = [wanted.entry_key, *wanted.tag_keys]
        sealed, left_ms, *raw_stamps = await self._line.run(_READ, keys, [secrets.token_hex(8), STAMP_SECONDS])
        stamps = [stamp.decode() for stamp in raw_stamps]
        entry = self._opened(wanted, sealed)
        if entry is None or entry.stamps != stamps:
            return _Found(None, stamps, is_due=False)
        try:
            value: T = msgspec.json.decode(entry.value, type=wanted.as_type)
        except msgspec.MsgspecError:
            # of a release whose answers had another form
            return _Found(None, stamps, is_due=False)
        return _Found(value, stamps, is_due=is_due(left_ms / 1000, entry.load_seconds))

    async def _lock(self, wanted: _Wanted[T]) -> str | None:
        token = secrets.token_hex(8)
        milliseconds = int(LOCK_SECONDS * 1000)

        async def take(valkey: Redis) -> bool:
            return bool(await valkey.set(wanted.lock_key, token, nx=True, px=milliseconds))

        return token if await self._line.ask(take) else None

    async def _keep(
        self, wanted: _Wanted[T], stamps: list[str], token: str, value: T | None, *, load_seconds: float
    ) -> None:
        left_ms = int((wanted.seconds - load_seconds) * 1000)
        sealed = b"" if value is None or left_ms <= 0 else self._sealed(wanted, stamps, load_seconds, value)
        if len(sealed) > ENTRY_BYTES_MAX:
            sealed = b""
        keys = [wanted.entry_key, wanted.lock_key, *wanted.tag_keys]
        try:
            await self._line.run(_KEEP, keys, [token, sealed, left_ms, *stamps])
        except ValkeyAway:
            return

    def _sealed(self, wanted: _Wanted[T], stamps: list[str], load_seconds: float, value: T) -> bytes:
        entry = msgspec.json.encode(_Entry(stamps, load_seconds, msgspec.Raw(msgspec.json.encode(value))))
        return self._seal(wanted, entry) + entry

    def _opened(self, wanted: _Wanted[T], sealed: bytes) -> _Entry | None:
        seal, entry = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if not entry or not hmac.compare_digest(seal, self._seal(wanted, entry)):
            return None
        return msgspec.json.decode(entry, type=_Entry)

    def _seal(self, wanted: _Wanted[T], entry: bytes) -> bytes:
        named = "\n".join((wanted.entry_key, *wanted.tags, "")).encode()
        return hashlib.blake2b(named + entry, key=self._seal_key, digest_size=_SEAL_BYTES).digest()


def is_due(left_seconds: float, load_seconds: float) -> bool:
    """Say whether an answer is to be loaded again before it runs out; the nearer the end, the likelier.

    Each reader decides by itself, so that one of many does it early: XFetch of Vattani, Chierichetti and Lowenstein,
    "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015.
    """
    return -load_seconds * EARLINESS * math.log(1.0 - random.random()) >= left_seconds  # noqa: S311 no secret


def drop_after_commit(tx: AsyncSession, *tags: str) -> None:
    """Have every kept answer with one of the tags forgotten once `tx` has committed; none when it rolls back.

    When Valkey is away at that moment, an answer may be believed for the rest of its seconds.
    """
    waiting: set[str] | None = tx.info.get("dropped_tags")
    if waiting is None:
        waiting = tx.info["dropped_tags"] = set()
        after_commit(tx, partial(_drop, tx.info["valkey"], waiting))
    waiting.update(tags)


async def _drop(line: ValkeyLine, tags: set[str]) -> None:
    async def restamp(valkey: Redis) -> None:
        async with valkey.pipeline(transaction=True) as pipe:
            for tag in sorted(tags):
                pipe.set(_tag_key(tag), secrets.token_hex(8), ex=STAMP_SECONDS)
            await pipe.execute()

    try:
        # a question that rests loses an answer, a change that rests would leave a wrong one
        await asyncio.shield(line.ask(restamp, even_at_rest=True))
    except ValkeyAway:
        log.warning("kept answers could not be dropped; they run out by themselves", extra={"tags": len(tags)})


def _tag_key(tag: str) -> str:
    return f"lyceum:tag:{tag}"
