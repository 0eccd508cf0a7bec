"""How many requests a key of its own rate may send each minute, over all processes."""

from lyceum.accounts.policy import Actor
from lyceum.kernel.limits.fields import Limit
from lyceum.kernel.limits.leases import Leases
from lyceum.kernel.valkey import ValkeyLine

MINUTE_SECONDS = 60


def key_rates(line: ValkeyLine) -> Leases:
    """Return what grants them in a process; each key says its own limit."""
    return Leases(line, Limit("key", 0, MINUTE_SECONDS))


async def take_of_key(rates: Leases, who: Actor) -> None:
    """Count one request of a key that has a rate of its own; raises `OverLimit` when its minute is spent."""
    if who.rate_per_minute is None or who.key_id is None:
        return
    await rates.admit(
        who.key_id.hex,
        at_most=who.rate_per_minute,
        sentence="This key may send {:,} requests a minute; wait, or make one with more.",
    )
