"""How many requests a key may send each second, over all processes."""

from uuid import UUID

from lyceum.kernel.limits.leases import Leases

_SPENT = (
    "This key has sent its {:,} prediction requests of this second; wait a moment, send several rows in one request, or "
    "raise LYCEUM_PREDICT_REQUESTS_PER_SECOND."
)


async def admit(requests: Leases, key_id: UUID) -> None:
    """Count one request of the key; raises `OverLimit` when its second is spent."""
    await requests.admit(key_id.hex, sentence=_SPENT)
