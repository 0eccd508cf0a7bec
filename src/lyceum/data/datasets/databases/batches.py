"""Rows of a database written as one Parquet file, in batches that take about the same memory however wide a row is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.data.datasets.databases.errors import NothingRead, RowsTooMany, ValueUnusable

FIRST_ROWS = 64
ROWS_MAX = 20_000
BATCH_BYTES = 16 * 1024**2
GROWTH = 4

INTEGER = pa.int64()
FLOAT = pa.float64()
TEXT = pa.string()
BOOLEAN = pa.bool_()
DATE = pa.date32()
MOMENT = pa.timestamp("us")
MOMENT_UTC = pa.timestamp("us", "UTC")

Fetch = Callable[[int], Sequence[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as it comes: how each value that is there becomes one of the type."""

    name: str
    type: pa.DataType
    convert: Callable[[Any], Any] | None = None


def write_rows(
    path: Path,
    columns: Sequence[SourceColumn],
    fetch: Fetch,
    *,
    rows_max: int,
    bytes_max: int,
    tell: Callable[[int], None],
) -> int:
    """Write what `fetch` gives, so many rows at a time, and return how many there were; `tell` hears of them as they come.

    Raises `RowsTooMany`, `ValueUnusable`, `NothingRead`, and what `fetch` and `tell` raise.
    """
    schema = pa.schema([(column.name, column.type) for column in columns])
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(schema, columns, fetch):
            rows += batch.num_rows
            if rows > rows_max:
                raise RowsTooMany(
                    f"There are more than {rows_max:,} rows, the most one import brings; ask for fewer in a query, or raise "
                    "LYCEUM_SQL_IMPORT_ROWS_MAX."
                )
            writer.write_batch(batch)
            if path.stat().st_size > bytes_max:
                raise RowsTooMany(
                    f"The rows take more than {bytes_max:,} bytes, the most one import brings; ask for fewer rows or columns "
                    "in a query, or raise LYCEUM_UPLOAD_BYTES_MAX."
                )
            tell(rows)
    if rows == 0:
        raise NothingRead("The query gives no rows, and a version has to have some; look at its conditions.")
    return rows


def _batches(schema: pa.Schema, columns: Sequence[SourceColumn], fetch: Fetch) -> Iterator[pa.RecordBatch]:
    wanted, before = FIRST_ROWS, 0
    while rows := fetch(wanted):
        arrays = [_array(column, [row[place] for row in rows], before) for place, column in enumerate(columns)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        before += len(rows)
        row_bytes = max(1, batch.nbytes // len(rows))
        wanted = max(1, min(ROWS_MAX, wanted * GROWTH, BATCH_BYTES // row_bytes))
        yield batch


def _array(column: SourceColumn, values: list[Any], rows_before: int) -> "pa.Array[Any]":
    convert = column.convert
    try:
        if convert is not None:
            values = [None if value is None else convert(value) for value in values]
        return pa.array(values, column.type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as unfit:
        first, last = rows_before + 1, rows_before + len(values)
        raise ValueUnusable(
            f"Between rows {first:,} and {last:,} the column {column.name!r:.80} holds a value that does not fit its type "
            f"({column.type}); cast the column to text in a query."
        ) from unfit


def as_text(value: Any) -> str:
    """Return a value as text; bytes as PostgreSQL writes them."""
    return f"\\x{value.hex()}" if isinstance(value, bytes | bytearray | memoryview) else str(value)
