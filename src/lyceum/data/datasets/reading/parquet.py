"""Parquet files as batches of typed columns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lyceum.data.datasets.reading.columns import POLARS_TYPES, ColumnType, require_usable_names, shown
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits

BATCH_ROWS = 65_536
GROWTH_MAX = 4
"""How many times as many rows as the batch before a batch of texts may have."""
EXACT_INTEGER_DIGITS = 18
_DAY_SECONDS = 86_400
_FIRST_DAY, _LAST_DAY = ((date(*day) - date(1970, 1, 1)).days for day in ((1, 1, 1), (9999, 12, 31)))


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """A Parquet file whose columns all have a type that is kept."""

    path: Path
    file_name: str
    limits: ReadingLimits
    types: dict[str, ColumnType]
    notes: tuple[str, ...]
    kind: str = "a Parquet file"

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in order with the types of `types`.

        Raises UnreadableTable where the file is damaged, a cell is too large or a moment lies outside years 1 to 9999.
        """
        wanted = [_cast(name, kind) for name, kind in self.types.items()]
        rows_before = 0
        try:
            for batch in self._whole():
                self._require_kept(batch, rows_before)
                rows_before += batch.num_rows
                for part in self._of_bounded_size(batch):
                    yield pl.DataFrame(pl.from_arrow(_plain(part))).select(wanted)
        except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as broken:
            raise damaged(self.file_name, broken, kind=self.kind) from broken

    def _whole(self) -> Iterator[pa.RecordBatch]:
        texts = _texts(self.path)
        rows = 0
        with pq.ParquetFile(self.path, read_dictionary=texts.dictionaries) as file:
            for batch in self._batches(file, texts):
                # neither UTF-8 nor places in dictionaries are looked at by who decodes them
                batch.validate(full=True)
                rows += batch.num_rows
                yield batch
            said = file.metadata.num_rows
        if rows != said:
            raise pa.ArrowInvalid(f"it says that it holds {said:,} rows and holds {rows:,}")

    def _batches(self, file: pq.ParquetFile, texts: "_Texts") -> Iterator[pa.RecordBatch]:
        """Yield batches whose values, dictionaries' aside, take about `8 * block_bytes` decoded.

        What other texts take is known only once they are decoded: the first batch of them is small, and each says how
        long the next may be.
        """
        wanted, largest_cell = 8 * self.limits.block_bytes, self.limits.cell_bytes_max
        for place in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(place)
            bytes_per_row = max(8 * len(self.types), -(-group.total_byte_size // max(group.num_rows, 1)))
            rows_max = min(BATCH_ROWS, max(1, wanted // bytes_per_row))
            if texts.are_shared:
                rows_max = min(rows_max, max(1, self.limits.row_group_bytes_max // largest_cell))
            rows = min(rows_max, max(1, wanted // largest_cell)) if texts.written_out else rows_max
            for batch in file.iter_batches(batch_size=rows, row_groups=[place], use_threads=True):
                yield batch
                if texts.written_out:
                    held = max(1, sum(batch.column(name).nbytes for name in texts.written_out))
                    rows = min(rows_max, GROWTH_MAX * rows, max(1, wanted * batch.num_rows // held))
                    file.reader.set_batch_size(rows)

    def _of_bounded_size(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Cut a batch where its dictionaries' texts, written out, would take more than a block."""
        sizes = np.zeros(batch.num_rows, dtype=np.int64)
        for column in batch.columns:
            if isinstance(column, pa.DictionaryArray) and _is_text(column.type.value_type):
                sizes += np.append(_lengths(column.dictionary), 0)[
                    column.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
                ]
        ends = np.cumsum(sizes)
        start = 0
        while start < batch.num_rows:
            before = int(ends[start - 1]) if start else 0
            end = int(np.searchsorted(ends, before + 8 * self.limits.block_bytes, side="right"))
            end = max(end, start + 1)
            yield batch.slice(start, end - start)
            start = end

    def _require_kept(self, batch: pa.RecordBatch, rows_before: int) -> None:
        most = self.limits.cell_bytes_max
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = column.dictionary if isinstance(column, pa.DictionaryArray) else column
            if _is_text(values.type) and _lengths(values).max(initial=0) > most:
                raise UnreadableTable(
                    "large_cell",
                    f"{self.file_name}, column {shown(name)} holds more than {most / 1e6:,.1f} MB in one cell; shorten "
                    "it or leave the column out.",
                )
            if (moments := _days_and_bounds(_written_out(column))) is not None:
                beyond = (moments[0] < moments[1]) | (moments[0] > moments[2])
                if beyond.any():
                    place = beyond.arg_max() or 0
                    raise UnreadableTable(
                        "unknown_year",
                        f"{self.file_name}, row {rows_before + place + 1:,}, column {shown(name)} holds a moment outside "
                        "the years 1 to 9999; leave it empty, or write the column as text.",
                    )


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
        raise damaged(file_name, broken, kind="a Parquet file") from broken
    require_usable_names(schema.names, file_name=file_name, columns_max=limits.columns_max)
    limits.require_cells(metadata.num_rows, metadata.num_columns, file_name=file_name)
    groups = [metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups)]
    if max(groups, default=0) > limits.row_group_bytes_max:
        raise UnreadableTable(
            "large_row_group",
            f"{file_name} holds a row group of {max(groups) / 2**30:,.1f} GB; write it with smaller row groups.",
        )
    if metadata.num_rows == 0:
        raise UnreadableTable("no_rows", f"{file_name} has columns and no rows; upload a file with rows.")
    notes: list[str] = []
    types = {field.name: type_of_field(field, file_name=file_name, notes=notes) for field in schema}
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


def type_of_field(field: "pa.Field[Any]", *, file_name: str, notes: list[str]) -> ColumnType:
    """Return the type a column of Arrow is kept as; what is lost by it is added to `notes`. Raises UnreadableTable."""
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


@dataclass(frozen=True, slots=True)
class _Texts:
    """How the columns of texts are read."""

    dictionaries: list[str]
    """As dictionaries, for a small file can hold one text a great many times."""
    written_out: list[str]
    """Value by value."""
    are_shared: bool
    """Whether values written out may share their bytes in the file."""


def _texts(path: Path) -> _Texts:
    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
        for place in range(metadata.num_row_groups):
            # what is wrong with a column's facts is an exception here, and below the end of the process
            next(file.iter_batches(batch_size=1, row_groups=[place], use_threads=False), None)
    texts = _Texts([], [], are_shared=False)
    for place, field in enumerate(schema):
        if not _is_text(field.type):
            continue
        used = _encodings_of(metadata, place)
        repeats = any("DICTIONARY" in encoding for encoding in used)
        # a writer may turn from a dictionary to these half-way, and then no dictionary can be read
        turns = any("DELTA" in encoding for encoding in used)
        if repeats and not turns and not pa.types.is_string_view(field.type):
            texts.dictionaries.append(field.name)
            continue
        texts.written_out.append(field.name)
        if repeats or "DELTA_BYTE_ARRAY" in used:
            texts = replace(texts, are_shared=True)
    return texts


def _encodings_of(metadata: pq.FileMetaData, column: int) -> set[str]:
    groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
    return {encoding for group in groups for encoding in group.column(column).encodings}


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _lengths(texts: "pa.Array[Any]") -> "np.ndarray[Any, Any]":
    lengths: np.ndarray[Any, Any] = pl.Series(pl.from_arrow(texts)).str.len_bytes().fill_null(0).to_numpy()
    return lengths.astype(np.int64)


def _days_and_bounds(column: "pa.Array[Any]") -> tuple[pl.Series, int, int] | None:
    """Return dates and times as whole numbers, and the first and the last that are kept; None for other values."""
    if pa.types.is_date32(column.type):
        return pl.Series(pl.from_arrow(column.view(pa.int32()))), _FIRST_DAY, _LAST_DAY
    per_second = 1000 if pa.types.is_date64(column.type) else 0
    if isinstance(column.type, pa.TimestampType):
        # nanoseconds reach from 1677 to 2262 only
        per_second = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 0}[column.type.unit]
    if not per_second:
        return None
    day = _DAY_SECONDS * per_second
    return pl.Series(pl.from_arrow(column.view(pa.int64()))), _FIRST_DAY * day, (_LAST_DAY + 1) * day - 1


def _written_out(column: "pa.Array[Any]") -> "pa.Array[Any]":
    if isinstance(column, pa.DictionaryArray) and not _is_text(column.type.value_type):
        return column.dictionary_decode()
    return column


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Decode dictionaries of any value type, which Polars would take for categories of text only.

    Moments are in UTC whatever the zone, which may be one that nobody knows.
    """
    columns = [_in_utc(_written_whole(column)) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _written_whole(column: "pa.Array[Any]") -> "pa.Array[Any]":
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def _in_utc(column: "pa.Array[Any]") -> "pa.Array[Any]":
    if isinstance(column.type, pa.TimestampType) and column.type.tz is not None:
        return column.view(pa.timestamp(column.type.unit, "UTC"))
    return column


def _cast(name: str, kind: ColumnType) -> pl.Expr:
    column = pl.col(name)
    if kind is ColumnType.TIMESTAMP_UTC:
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column.cast(POLARS_TYPES[kind])


def damaged(file_name: str, broken: Exception, *, kind: str) -> UnreadableTable:
    """Return the refusal of a file that its library cannot read."""
    first_line = (str(broken).splitlines() or [""])[0]
    # the library tells bytes of the file as they are
    reason = "".join(char if char.isprintable() else "?" for char in first_line).rstrip(". ")[:160]
    return UnreadableTable(
        "damaged_file",
        f"{file_name} is {kind} that is damaged or cut short ({reason or type(broken).__name__}); write or upload it again.",
    )
