"""The way of a process to Valkey: so many questions at once, none to a server that did not answer a moment ago."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import Counter
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from lyceum.kernel.telemetry import registry

ASK_SECONDS_MAX = 0.25
REST_SECONDS = 1.0
CONNECTIONS_MAX = 64
ASKED_AT_ONCE = 32
"""Below the connections of the pool, which refuses instead of having somebody wait."""

T = TypeVar("T")

log = logging.getLogger(__name__)

_away_total = Counter(
    "lyceum_valkey_away_total", "Times Valkey was found not to answer, after which it is left alone", registry=registry
)


class ValkeyAway(Exception):
    """Valkey did not answer, or did not a moment ago, or there is none."""


@dataclass(frozen=True, slots=True)
class Script:
    """Commands that Valkey runs as one, in Lua."""

    text: str


def valkey_client(url: str) -> Redis:
    """Return a client of the Valkey at an address, which waits for an answer no longer than a line does."""
    return Redis.from_url(
        url, socket_timeout=ASK_SECONDS_MAX, socket_connect_timeout=ASK_SECONDS_MAX, max_connections=CONNECTIONS_MAX
    )


class ValkeyLine:
    """Asks Valkey on behalf of whoever can do without the answer; one a process, so that all learn at once it is away."""

    def __init__(self, valkey: Redis | None) -> None:
        self._valkey = valkey
        self._turn = asyncio.Semaphore(ASKED_AT_ONCE)
        self._rests_until = 0.0
        self._scripts: dict[Script, AsyncScript] = {}

    @property
    def rests(self) -> bool:
        """Whether nobody is asked just now."""
        return self._valkey is None or time.monotonic() < self._rests_until

    async def ask(self, work: Callable[[Redis], Awaitable[T]], *, even_at_rest: bool = False) -> T:
        """Return what `work` returned; raises `ValkeyAway` within a quarter of a second of its turn.

        After that everybody else is told so at once for a second. What has to arrive is tried `even_at_rest`.
        """
        async with self._turn:
            if self._valkey is None or (self.rests and not even_at_rest):
                raise ValkeyAway
            try:
                async with asyncio.timeout(ASK_SECONDS_MAX):
                    return await work(self._valkey)
            except (RedisError, OSError) as error:
                if not self.rests:
                    log.warning("Valkey cannot be reached", extra={"cause": str(error)})
                    _away_total.inc()
                self._rests_until = time.monotonic() + REST_SECONDS
                raise ValkeyAway from error

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | float]) -> Any:
        """Return what a script returned; raises `ValkeyAway`."""

        async def run(valkey: Redis) -> Any:
            known = self._scripts.get(script)
            if known is None:
                known = self._scripts[script] = valkey.register_script(script.text)
            return await known(keys=list(keys), args=list(arguments))

        return await self.ask(run)
