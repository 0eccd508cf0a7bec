"""So many in a stretch of time over all processes, where not even one question to Valkey each is cheap enough: leased shares."""

import asyncio
import time
from dataclasses import dataclass, replace

from prometheus_client import Counter
from redis.asyncio import Redis

from lyceum.kernel.limits.fields import Limit, OverLimit, Taken
from lyceum.kernel.telemetry import registry
from lyceum.kernel.valkey import ValkeyAway, ValkeyLine

LEASE_MAX = 250
LEASES_A_WINDOW = 20
NAMES_MAX = 10_000

_leases_total = Counter(
    "lyceum_limit_leases_total", "Shares of a limit taken, by where from", ["limit", "source"], registry=registry
)


@dataclass(slots=True)
class _Budget:
    """What this process may still spend in a window."""

    left: int = 0
    window_ends: float = 0.0
    all_leased: bool = False
    leasing: "asyncio.Task[None] | None" = None


class Leases:
    """A window begins with the first that is asked for and lasts as long as the limit says by Valkey's clock.

    A process that spends the rest of its share in the next window is the only way past the limit: by at most one share a
    process. Without Valkey every process grants the whole limit by itself.
    """

    def __init__(self, line: ValkeyLine, limit: Limit) -> None:
        self.limit = limit
        self._line = line
        self._budgets: dict[str, _Budget] = {}
        self._from_valkey = _leases_total.labels(limit.name, "valkey")
        self._from_here = _leases_total.labels(limit.name, "local")

    async def admit(self, of: str, *, sentence: str, at_most: int | None = None) -> None:
        """Count one more in the name of `of`, who may have a limit of their own; raises `OverLimit` when it is spent.

        `sentence` tells a person so; `{:,}` in it stands for the limit.
        """
        taken = await self.take(of, at_most=at_most)
        if taken is not None:
            raise OverLimit(sentence.format(taken.limit.at_most), taken)

    async def take(self, of: str, *, at_most: int | None = None) -> Taken | None:
        """Ask for one more in the name of `of`, who may have a limit of their own; None when it was granted."""
        limit = self.limit if at_most is None else replace(self.limit, at_most=at_most)
        budget = self._budgets.get(of)
        if budget is None:
            budget = self._budgets[of] = _Budget()
            if len(self._budgets) > NAMES_MAX:
                del self._budgets[next(iter(self._budgets))]
        while True:
            seconds_left = budget.window_ends - time.monotonic()
            if seconds_left > 0:
                if budget.left > 0:
                    budget.left -= 1
                    return None
                if budget.all_leased:
                    return Taken(limit, remaining=0, more_in_seconds=seconds_left, wait_seconds=seconds_left)
            if budget.leasing is None:
                budget.leasing = asyncio.create_task(self._lease(of, budget, limit))
            await asyncio.shield(budget.leasing)

    async def _lease(self, of: str, budget: _Budget, limit: Limit) -> None:
        try:
            granted, seconds_left, all_leased = await self._granted(of, limit)
        finally:
            budget.leasing = None
        budget.left = granted
        budget.all_leased = all_leased
        budget.window_ends = time.monotonic() + seconds_left

    async def _granted(self, of: str, limit: Limit) -> tuple[int, float, bool]:
        """Return how many are granted, for how many seconds, and whether nothing is left after them."""
        key = f"lyceum:lease:{limit.name}:{of}"
        share = share_of(limit)

        async def lease(valkey: Redis) -> tuple[int, int]:
            async with valkey.pipeline(transaction=True) as pipe:
                pipe.set(key, 0, nx=True, px=limit.seconds * 1000)
                pipe.incrby(key, share)
                pipe.pttl(key)
                _, leased, left_ms = await pipe.execute()
            return leased, left_ms

        try:
            leased, left_ms = await self._line.ask(lease)
        except ValkeyAway:
            self._from_here.inc()
            return limit.at_most, float(limit.seconds), True
        self._from_valkey.inc()
        granted = max(0, min(share, limit.at_most - (leased - share)))
        return granted, max(left_ms, 1) / 1000, leased >= limit.at_most


def share_of(limit: Limit) -> int:
    """Return how many of a limit a process takes at once: a twentieth, and no more than one would miss."""
    return max(1, min(LEASE_MAX, limit.at_most // LEASES_A_WINDOW))
