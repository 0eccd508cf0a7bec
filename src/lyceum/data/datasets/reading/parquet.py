"""Parquet files as batches of typed columns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.data.datasets.reading.columns import POLARS_TYPES, ColumnType, require_usable_names, shown
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits

BATCH_ROWS = 65_536
EXACT_INTEGER_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """A Parquet file whose columns all have a type that is kept."""

    path: Path
    file_name: str
    limits: ReadingLimits
    types: dict[str, ColumnType]
    notes: tuple[str, ...]

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in order with the types of `types`; raise UnreadableTable where the file is damaged."""
        wanted = [_cast(name, kind) for name, kind in self.types.items()]
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=True):
                    frame = pl.DataFrame(pl.from_arrow(_plain(batch)))
                    yield frame.select(wanted)
        except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as broken:
            raise _damaged(self.file_name, broken) from broken


def open_parquet(path: Path, *, file_name: str, limits: ReadingLimits) -> ParquetSource:
    """Return the file with its columns' types.

    Whole numbers of every width become 64-bit, decimals become floats (whole ones of up to 18 digits integers), times
    keep microseconds, and categories become text. Raises UnreadableTable for a damaged file, no rows, nested columns,
    raw bytes, or row groups too large to decode.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            metadata = file.metadata
    except (pa.ArrowException, OSError) as broken:
        raise _damaged(file_name, broken) from broken
    require_usable_names(schema.names, file_name=file_name, columns_max=limits.columns_max)
    groups = [metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups)]
    if max(groups, default=0) > limits.row_group_bytes_max:
        raise UnreadableTable(
            "large_row_group",
            f"{file_name} holds a row group of {max(groups) / 2**30:,.1f} GB; write it with smaller row groups.",
        )
    if metadata.num_rows == 0:
        raise UnreadableTable("no_rows", f"{file_name} has columns and no rows; upload a file with rows.")
    notes: list[str] = []
    types = {field.name: _type_of(field, file_name=file_name, notes=notes) for field in schema}
    return ParquetSource(path, file_name, limits, types, tuple(notes))


_DIRECT: tuple[tuple[Callable[[pa.DataType], bool], ColumnType, str], ...] = (
    (pa.types.is_boolean, ColumnType.BOOLEAN, ""),
    (pa.types.is_uint64, ColumnType.STRING, "unsigned 64-bit numbers; kept as text so that no digit is lost"),
    (pa.types.is_integer, ColumnType.INTEGER, ""),
    (pa.types.is_floating, ColumnType.FLOAT, ""),
    (pa.types.is_decimal, ColumnType.FLOAT, "decimals; read as floats of about 15 digits"),
    (pa.types.is_date, ColumnType.DATE, ""),
    (pa.types.is_time, ColumnType.STRING, "times of day without a date; kept as text"),
    (pa.types.is_null, ColumnType.STRING, "nothing; it is kept as text"),
    (pa.types.is_string, ColumnType.STRING, ""),
    (pa.types.is_large_string, ColumnType.STRING, ""),
    (pa.types.is_string_view, ColumnType.STRING, ""),
)


def _type_of(field: "pa.Field[Any]", *, file_name: str, notes: list[str]) -> ColumnType:
    kind = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
    if pa.types.is_nested(kind):
        raise UnreadableTable(
            "nested_column",
            f"{file_name}, column {shown(field.name)} is nested ({kind}); give each of its values a column of its own.",
        )
    if isinstance(kind, pa.TimestampType):
        if kind.unit == "ns":
            notes.append(f"Column {shown(field.name)} holds nanoseconds; read to the microsecond.")
        return ColumnType.TIMESTAMP if kind.tz is None else ColumnType.TIMESTAMP_UTC
    if isinstance(kind, pa.Decimal128Type) and kind.scale == 0 and kind.precision <= EXACT_INTEGER_DIGITS:
        return ColumnType.INTEGER
    for holds, column_type, note in _DIRECT:
        if holds(kind):
            if note:
                notes.append(f"Column {shown(field.name)} holds {note}.")
            return column_type
    raise UnreadableTable(
        "unsupported_type",
        f"{file_name}, column {shown(field.name)} holds {kind}, which no column can; leave it out or write it as text.",
    )


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Decode dictionaries of any value type, which Polars would take for categories of text only."""
    columns = [
        column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _cast(name: str, kind: ColumnType) -> pl.Expr:
    column = pl.col(name)
    if kind is ColumnType.TIMESTAMP_UTC:
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column.cast(POLARS_TYPES[kind])


def _damaged(file_name: str, broken: Exception) -> UnreadableTable:
    reason = str(broken).splitlines()[0].rstrip(". ")[:160] if str(broken) else type(broken).__name__
    return UnreadableTable(
        "damaged_file",
        f"{file_name} is a Parquet file that is damaged or cut short ({reason}); write or upload it again.",
    )
