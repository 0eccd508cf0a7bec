"""What goes to the process that erases a person and what comes back; light, since the API imports it."""

from typing import Any
from uuid import UUID

import msgspec


class Erasing(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to erase from which table; whom is sealed, and opened in that process."""

    erasure_id: UUID
    table_key: str
    column: str
    key_sealed: bytes
    versions: dict[UUID, int]
    """The Delta version of each accepted version, the newest last."""


class VersionWithout(msgspec.Struct, frozen=True, kw_only=True):
    """A version that had the person, as it is now."""

    version_id: UUID
    row_count: int
    profile: dict[str, Any] | None
    """None where it was not made anew: what the old one shows of values is to go."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that had the person."""

    versions: list[VersionWithout]
