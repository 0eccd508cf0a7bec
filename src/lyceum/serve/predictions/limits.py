"""How many requests a key may send each second, over all processes: shares of one budget, leased from Valkey."""

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from lyceum.serve.predictions.errors import OverLimit
from lyceum.serve.predictions.metrics import limit_leases_total

WINDOW_SECONDS = 1.0
LEASE_REQUESTS_MAX = 250
LEASES_A_WINDOW = 20
LEASE_SECONDS_MAX = 0.25
LEASES_AT_ONCE = 16
VALKEY_REST_SECONDS = 1.0
KEYS_MAX = 10_000

log = logging.getLogger(__name__)

_from_valkey = limit_leases_total.labels("valkey")
_from_here = limit_leases_total.labels("local")


@dataclass(slots=True)
class _Budget:
    """What this process may still spend of a key's window."""

    requests: int = 0
    window_ends: float = 0.0
    all_leased: bool = False
    leasing: "asyncio.Task[None] | None" = None


class KeyLimits:
    """A window begins with a key's first request and lasts one second by Valkey's clock.

    A process that spends the rest of its share in the next window is the only way past the limit: by at most one share
    a process. Without Valkey every process grants the whole limit by itself.
    """

    def __init__(self, valkey: Redis | None, *, requests_per_second: int) -> None:
        self._valkey = valkey
        self._limit = requests_per_second
        self.lease_requests = max(1, min(LEASE_REQUESTS_MAX, requests_per_second // LEASES_A_WINDOW))
        self._budgets: dict[UUID, _Budget] = {}
        self._valkey_rests_until = 0.0
        self._turn = asyncio.Semaphore(LEASES_AT_ONCE)

    async def admit(self, key_id: UUID) -> None:
        """Count one request of the key; raises `OverLimit` when its second is spent."""
        budget = self._budgets.get(key_id)
        if budget is None:
            budget = self._budgets[key_id] = _Budget()
            if len(self._budgets) > KEYS_MAX:
                del self._budgets[next(iter(self._budgets))]
        while True:
            left = budget.window_ends - time.monotonic()
            if left > 0:
                if budget.requests > 0:
                    budget.requests -= 1
                    return
                if budget.all_leased:
                    raise self._refusal(left)
            if budget.leasing is None:
                budget.leasing = asyncio.create_task(self._lease(key_id, budget))
            await asyncio.shield(budget.leasing)

    async def _lease(self, key_id: UUID, budget: _Budget) -> None:
        try:
            granted, left, all_leased = await self._granted(key_id)
        finally:
            budget.leasing = None
        budget.requests = granted
        budget.all_leased = all_leased
        budget.window_ends = time.monotonic() + left

    async def _granted(self, key_id: UUID) -> tuple[int, float, bool]:
        """Return how many requests are granted, for how many seconds, and whether nothing is left after them."""
        if self._valkey is not None and time.monotonic() >= self._valkey_rests_until:
            try:
                async with asyncio.timeout(LEASE_SECONDS_MAX), self._turn:
                    return await self._granted_by(self._valkey, key_id)
            except (RedisError, OSError) as error:
                self._valkey_rests_until = time.monotonic() + VALKEY_REST_SECONDS
                log.warning("Valkey cannot be reached; each process limits by itself", extra={"cause": str(error)})
        _from_here.inc()
        return self._limit, WINDOW_SECONDS, True

    async def _granted_by(self, valkey: Redis, key_id: UUID) -> tuple[int, float, bool]:
        name = f"lyceum:predict:limit:{key_id.hex}"
        async with valkey.pipeline(transaction=True) as pipe:
            pipe.set(name, 0, nx=True, px=round(WINDOW_SECONDS * 1000))
            pipe.incrby(name, self.lease_requests)
            pipe.pttl(name)
            _, leased, left_milliseconds = await pipe.execute()
        _from_valkey.inc()
        before = leased - self.lease_requests
        granted = max(0, min(self.lease_requests, self._limit - before))
        return granted, max(left_milliseconds, 1) / 1000, leased >= self._limit

    def _refusal(self, seconds_left: float) -> OverLimit:
        return OverLimit(
            f"This key has sent its {self._limit:,} prediction requests of this second; wait a moment, send several "
            "rows in one request, or raise LYCEUM_PREDICT_REQUESTS_PER_SECOND.",
            requests_per_second=self._limit,
            seconds_left=max(1, math.ceil(seconds_left)),
        )
