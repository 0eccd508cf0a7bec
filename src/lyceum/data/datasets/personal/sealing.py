"""Whom an erasure is about, sealed: it stands in no job, record or log, and in the database only until they are gone."""

from uuid import UUID

from lyceum.kernel.security import Sealer

_SEALED_AS = "dataset erasure"


def sealed_key(sealer: Sealer, erasure_id: UUID, value: str) -> bytes:
    """Return the value sealed for one erasure."""
    return sealer.seal(_SEALED_AS, erasure_id.hex, value.encode())


def opened_key(sealer: Sealer, erasure_id: UUID, sealed: bytes) -> str:
    """Return the value; raises ValueError where another hub has sealed it."""
    value = sealer.opened(_SEALED_AS, erasure_id.hex, sealed)
    if value is None:
        raise ValueError("Whom to erase was sealed by a hub with another secret key; ask for it again.")
    return value.decode()
