"""What goes to the process that puts a table's files in order, and what comes back; light, since the API imports it."""

from uuid import UUID

import msgspec


class LatestTable(msgspec.Struct, frozen=True, kw_only=True):
    """The version whose small files are written together."""

    version_id: UUID
    delta_version: int


class Tending(msgspec.Struct, frozen=True, kw_only=True):
    """Which Delta versions of a table stay readable."""

    table_key: str
    latest: LatestTable
    kept: tuple[int, ...]
    restored: tuple[int, ...]
    """Those of them whose files are older than they are."""
    operations_pending: tuple[str, ...]
    compacts: bool
    operation_id: str
    leftovers_older_than_seconds: float


class UnusedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that no kept version reads."""

    key: str
    byte_count: int
    delta_version: int


class Tended(msgspec.Struct, frozen=True, kw_only=True):
    """The Delta version that has the latest version's rows in fewer files, and what may be removed."""

    latest: LatestTable
    compacted: int | None
    compacted_bytes: int
    unused: tuple[UnusedFile, ...]
