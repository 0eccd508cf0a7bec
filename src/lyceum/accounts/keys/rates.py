"""How many requests a key of its own rate may send each minute, over all processes."""

from lyceum.accounts.policy import Actor
from lyceum.kernel.limits.fields import OverLimit
from lyceum.kernel.limits.leases import Leases
from lyceum.kernel.valkey import ValkeyLine

MINUTE = 60.0


def key_rates(line: ValkeyLine) -> Leases:
    """Return what grants them in a process."""
    return Leases(line, name="key", window_seconds=MINUTE)


async def take_of_key(rates: Leases, who: Actor) -> None:
    """Count one request of a key that has a rate of its own; raises `OverLimit` when its minute is spent."""
    if who.rate_per_minute is None or who.key_id is None:
        return
    taken = await rates.take(who.key_id.hex, at_most=who.rate_per_minute)
    if taken is not None:
        raise OverLimit(
            f"This key may send {who.rate_per_minute:,} requests a minute; wait, or make one with more.", taken
        )
