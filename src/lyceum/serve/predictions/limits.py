"""How many requests a key may send each second, over all processes."""

from uuid import UUID

from lyceum.kernel.limits.fields import OverLimit
from lyceum.kernel.limits.leases import Leases


async def admit(requests: Leases, key_id: UUID) -> None:
    """Count one request of the key; raises `OverLimit` when its second is spent."""
    taken = await requests.take(key_id.hex)
    if taken is not None:
        raise OverLimit(
            f"This key has sent its {taken.limit.at_most:,} prediction requests of this second; wait a moment, send "
            "several rows in one request, or raise LYCEUM_PREDICT_REQUESTS_PER_SECOND.",
            taken,
        )
