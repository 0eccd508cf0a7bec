"""The files of a version, as the hub hands them out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A Parquet file of a version; `url` opens it for a while, in ranges too, without a key."""

    name: str
    byte_count: int
    row_count: int
    url: str


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The Parquet files of a version in the order of their rows, and until when their addresses open them."""

    dataset: str
    version: int
    row_count: int
    expires_at: datetime
    files: tuple[VersionFile, ...]
