"""The rows of accepted versions, and what was staged for others, wherever the hub keeps its files.

Computing processes import this, and have no database: nothing here reads one.
"""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import obstore

from lyceum.data.datasets.rows.masking import (
    MASKED,
    Marks,
    mask_of,
    masked_batches,
    masked_cells,
    masked_frame,
    masked_profile,
)
from lyceum.data.datasets.work import AcceptedTable, Intake
from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from lyceum.data.datasets.table_store import TableContent, TableStore
    from lyceum.kernel.jobs.child import ChildSide

__all__ = [
    "BATCH_ROWS",
    "MASKED",
    "AcceptedTable",
    "Intake",
    "Marks",
    "StagedRows",
    "TablePart",
    "content_of_version",
    "mask_of",
    "masked_cells",
    "masked_frame",
    "masked_profile",
    "parts_of",
    "read_batches",
    "read_unmasked_batches",
    "scan_part",
    "scan_table",
    "scan_unmasked",
    "sweep_staging",
    "table_store",
    "take_in_rows",
]

BATCH_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class StagedRows:
    """All rows that a version would have, committed nowhere yet, and their columns as its schema would say them."""

    rows: "pl.LazyFrame"
    table_schema: dict[str, Any]
    line_of_first_row: int | None = None
    marks: "Marks" = field(default_factory=dict)
    """Columns that a scan of these rows found to hold personal data."""


# Polars and Delta take seconds to import, which the API's start does without and its loop must not wait for: the
# functions below that need them import them, in the thread or process that runs them.


def table_store(storage: Storage) -> "TableStore":
    """Return the place of all tables: the hub's own storage."""
    return _table_store(storage.url, tuple(sorted(storage.options.items())))


@lru_cache(maxsize=4)
def _table_store(url: str, options: tuple[tuple[str, str], ...]) -> "TableStore":
    from lyceum.data.datasets.table_store import TableStore

    return TableStore(url, dict(options))


def scan_table(storage: Storage, table_key: str, delta_version: int, *, marks: Marks) -> "pl.LazyFrame":
    """Return the rows of a Delta version, not yet read, in the order they were committed; marked columns are masked."""
    return masked_frame(scan_unmasked(storage, table_key, delta_version), marks)


def scan_unmasked(storage: Storage, table_key: str, delta_version: int) -> "pl.LazyFrame":
    """Return what `scan_table` does with nothing masked, for what computes on rows and shows none."""
    from lyceum.data.datasets.tables import scan_version

    return scan_version(table_store(storage), table_key, delta_version)


class TablePart(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a version's files, to be read by any process that reaches the storage."""

    url: str
    options: dict[str, str]
    table_key: str
    names: list[str]


def parts_of(storage: Storage, table_key: str, delta_version: int, *, part_bytes: int) -> list[TablePart]:
    """Return a version in parts of one file or several, in the order of its rows, each of about `part_bytes` or more."""
    from lyceum.data.datasets.tables import files_of

    groups: list[list[str]] = []
    held = part_bytes
    for file in files_of(table_store(storage), table_key, delta_version):
        if held >= part_bytes:
            groups.append([])
            held = 0
        groups[-1].append(file.name)
        held += file.size
    options = dict(storage.options)
    return [TablePart(url=storage.url, options=options, table_key=table_key, names=names) for names in groups]


def scan_part(part: TablePart) -> "pl.LazyFrame":
    """Return the rows of a part, not yet read."""
    from lyceum.data.datasets.tables import scan_files

    return scan_files(_table_store(part.url, tuple(sorted(part.options.items()))), part.table_key, part.names)


def take_in_rows(rows: "pl.LazyFrame", intake: Intake, side: "ChildSide") -> AcceptedTable:
    """Commit rows, not yet read, as the version that `intake` names; running it again commits nothing twice.

    They are written part by part, so they need not fit into memory. Raises `UnreadableTable` where there are none.
    """
    from lyceum.data.datasets.intake import take_in_rows

    return take_in_rows(rows, intake, side)


async def sweep_staging(storage: Storage, *, older_than_seconds: float) -> int:
    """Remove staged data nothing was added to for so long, in a thread; return the number of operations."""
    async for batch in obstore.list(storage.store, "staging/", chunk_size=1):
        if batch:
            return await asyncio.to_thread(_sweep_staging, storage, older_than_seconds)
    return 0


def _sweep_staging(storage: Storage, older_than_seconds: float) -> int:
    from lyceum.data.datasets.tables import discard_staged, orphaned_staging

    store = table_store(storage)
    stale = orphaned_staging(store, older_than=timedelta(seconds=older_than_seconds))
    for orphan in stale:
        discard_staged(store, orphan.path)
    return len(stale)


def content_of_version(storage: Storage, table_key: str, delta_version: int) -> "TableContent":
    """Return the files of a Delta version, in the order of their rows, and its schema."""
    from lyceum.data.datasets.tables import content_of

    return content_of(table_store(storage), table_key, delta_version)


def read_batches(
    storage: Storage, table_key: str, delta_version: int, *, marks: Marks
) -> "tuple[pa.Schema, Iterator[pa.RecordBatch]]":
    """Return the columns of a Delta version, and its rows in batches of bounded size, read as they are asked for.

    Marked columns are masked.
    """
    return masked_batches(*read_unmasked_batches(storage, table_key, delta_version), marks)


def read_unmasked_batches(
    storage: Storage, table_key: str, delta_version: int
) -> "tuple[pa.Schema, Iterator[pa.RecordBatch]]":
    """Return what `read_batches` does with nothing masked, for whoever asked for that and may."""
    from lyceum.data.datasets.tables import files_of

    store = table_store(storage)
    paths = [f"{table_key}/{file.name}" for file in files_of(store, table_key, delta_version)]
    return _schema_of(store, paths[0]), _batches_of(store, paths)


def _schema_of(store: "TableStore", path: str) -> "pa.Schema":
    import pyarrow.parquet as pq

    with pq.ParquetFile(_opened(store, path)) as file:
        return file.schema_arrow


def _batches_of(store: "TableStore", paths: list[str]) -> "Iterator[pa.RecordBatch]":
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(_opened(store, path)) as file:
            yield from file.iter_batches(batch_size=BATCH_ROWS)


def _opened(store: "TableStore", path: str) -> "pa.NativeFile":
    import pyarrow as pa

    return pa.PythonFile(_StoredFile(store, path), mode="r")


class _StoredFile(io.RawIOBase):
    """A stored file as Python knows files; only what is asked for is fetched."""

    def __init__(self, store: "TableStore", path: str) -> None:
        self._reader = obstore.open_reader(store.objects, path)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, all that are left for -1."""
        return bytes(self._reader.read(None if size is None or size < 0 else size))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        """Return the place."""
        return int(self._reader.tell())
