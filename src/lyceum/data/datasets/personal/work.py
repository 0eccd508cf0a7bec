"""What goes to the process that erases a person and what comes back; light, since the API imports it."""

from typing import Any
from uuid import UUID

import msgspec


class Erasing(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to erase from which table; a pipe alone carries it, and computing processes have no key to open a seal."""

    erasure_id: UUID
    table_key: str
    column: str
    value: str
    versions: dict[UUID, int]
    """The Delta version of each accepted version, the newest last."""

    def __repr__(self) -> str:
        """Say which erasure it is, and not whom it is about."""
        return f"Erasing({self.erasure_id})"


class VersionWithout(msgspec.Struct, frozen=True, kw_only=True):
    """A version that had the person, as it is now."""

    version_id: UUID
    row_count: int
    profile: dict[str, Any] | None
    """None where it was not made anew: what the old one shows of values is to go."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that had the person."""

    versions: list[VersionWithout]
