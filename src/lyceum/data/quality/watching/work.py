"""What goes to the process that measures versions and what comes back; light, since the API imports it."""

from typing import Any
from uuid import UUID

import msgspec


class VersionToWatch(msgspec.Struct, frozen=True, kw_only=True):
    """A version to measure, and where its rows lie."""

    version_id: UUID
    number: int
    at_seconds: float
    table_key: str
    delta_version: int
    masked: tuple[str, ...] = ()
    """Columns that hold personal data, of whose values nothing is measured or remembered."""


class WatchWork(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that are next, oldest first, and what is known before them."""

    versions: list[VersionToWatch]
    alarm_share: float
    detectors: list[str]
    state: bytes | None
    memory: bytes | None
    revision: int


class WatchedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a version; `ends` when it is usual and the one before was odd."""

    version_id: UUID
    number: int
    at_seconds: float
    is_odd: bool
    ends: bool
    score: float
    threshold: float
    findings: list[dict[str, Any]]


class WatchedTable(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after the versions, and what is said of each."""

    versions: list[WatchedVersion]
    state: bytes
    memory: bytes
    revision: int
