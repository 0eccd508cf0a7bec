"""Where tables and what is staged for them lie, and what is told of their files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import obstore
import polars as pl
from obstore.store import ObjectStore

from lyceum.data.datasets.scanning import scan_local_files
from lyceum.kernel.objects import folder_of, open_objects


@dataclass(frozen=True)
class TableStore:
    """A place for tables and their staging: a folder, or a prefix in a bucket.

    `url` is a path, `file://…` or `s3://bucket/prefix`; `options` are those that deltalake and Polars take, `aws_…`.
    The store must offer conditional put, which local folders, S3 and its better imitations do.
    """

    url: str
    options: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def objects(self) -> ObjectStore:
        """The files below `url`."""
        return open_objects(self.url, self.options)

    def uri(self, path: str) -> str:
        """Return the address of a path below `url`, as deltalake and Polars take it."""
        return f"{folder_of(self.url) or self.url.rstrip('/')}/{path}"

    def listed(self, prefix: str) -> Iterator[Any]:
        """Yield what the store says of each file below a folder: `path`, `size`, `last_modified`."""
        for batch in obstore.list(self.objects, f"{prefix}/"):
            yield from batch

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is removed already."""
        with suppress(FileNotFoundError):
            obstore.delete(self.objects, path)

    def scan(self, paths: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of Parquet files of one schema, in their order."""
        addresses = [self.uri(path) for path in paths]
        if folder_of(self.url) is not None:
            return scan_local_files(addresses)
        return pl.scan_parquet(addresses, storage_options=dict(self.options) or None, glob=False)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One staged Parquet file."""

    name: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class StagedData:
    """The staged data of one operation; files in the order of their rows."""

    operation_id: str
    files: tuple[StagedFile, ...]
    schema: str
    """The Delta schema, as JSON."""


@dataclass(frozen=True, slots=True)
class Followed:
    """An earlier version whose rows come before those that are staged.

    The files `without` are left out: their rows, which are the last of that version, were staged again.
    """

    version: int
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file of a version; the names sort in the order of the rows."""

    name: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class TableContent:
    """The files of a version, in the order of their rows, and its Delta schema, as JSON."""

    files: tuple[TableFile, ...]
    schema: str


@dataclass(frozen=True, slots=True)
class Orphan:
    """Staged data, or files in a table, that nothing refers to."""

    path: str
    size: int
    modified_at: datetime
