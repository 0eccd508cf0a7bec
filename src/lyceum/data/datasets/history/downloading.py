"""The rows of a version as a file, written as they are read: a batch at a time, however large the table.

Each step runs in a thread; what it wrote is sent before the next is read, so that a slow reader holds up nothing but itself.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Literal

from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.rows.public import Marks, read_batches
from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

DownloadFormat = Literal["csv", "parquet", "arrow"]
MEDIA_TYPES: dict[DownloadFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
GROUP_ROWS = 262_144
"""Of a row group in Parquet, which is what a reader of the file has to hold."""
FORMULA = r"^[=+\-@\t\r]"
"""How a text begins that a spreadsheet would carry out."""

# pyarrow and Polars take a while to import, which the API's start does without: the functions below import them, in a thread


async def written_as(
    storage: Storage, table: VersionTable, form: DownloadFormat, *, escapes_formulas: bool, marks: Marks
) -> AsyncIterator[bytes]:
    """Return the file of a version's rows, part by part, once its first file was found to be there.

    What the columns in `marks` hold is masked. In CSV, texts that a spreadsheet would carry out may get an apostrophe.
    """
    return _sent(await asyncio.to_thread(_steps, storage, table, form, marks, escapes_formulas))


async def _sent(steps: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (part := await asyncio.to_thread(next, steps, None)) is not None:
        if part:
            yield part


def _steps(
    storage: Storage,
    table: VersionTable,
    form: DownloadFormat,
    marks: Marks,
    escapes_formulas: bool,  # noqa: FBT001 called by a thread
) -> Iterator[bytes]:
    schema, batches = read_batches(storage, table.table_key, table.delta_version, marks=marks)
    if form == "csv":
        return _csv(schema, batches, escapes_formulas=escapes_formulas)
    return _parquet(schema, batches) if form == "parquet" else _arrow(schema, batches)


class _Written(io.RawIOBase):
    """What a writer of files has written since it was asked last."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """Say yes, for whoever asks a file that."""
        return True

    def write(self, part: Any) -> int:
        """Take a part, which may be any buffer."""
        taken = bytes(part)
        self._parts.append(taken)
        return len(taken)

    def taken(self) -> bytes:
        """Return the parts and forget them."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _csv(schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]", *, escapes_formulas: bool) -> Iterator[bytes]:
    import polars as pl
    import polars.selectors as cs

    def line_safe(name: str) -> str:
        return f"'{name}" if escapes_formulas and name[:1] in "=+-@\t\r" else name

    names = pl.DataFrame({line_safe(name): pl.Series([], dtype=pl.String) for name in schema.names})
    yield names.write_csv().encode()
    for batch in batches:
        frame = pl.DataFrame(pl.from_arrow(batch))
        if escapes_formulas:
            text = cs.string()
            frame = frame.with_columns(pl.when(text.str.contains(FORMULA)).then("'" + text).otherwise(text).name.keep())
        yield frame.write_csv(include_header=False).encode()


def _parquet(schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]") -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = _Written()
    with pq.ParquetWriter(pa.PythonFile(written, mode="w"), schema, compression="zstd") as writer:
        for group in _groups(schema, batches):
            writer.write_table(group, row_group_size=GROUP_ROWS)
            yield written.taken()
    yield written.taken()


def _arrow(schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]") -> Iterator[bytes]:
    import pyarrow as pa

    written = _Written()
    with pa.ipc.new_file(pa.PythonFile(written, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield written.taken()
    yield written.taken()


def _groups(schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.Table]":
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= GROUP_ROWS:
            yield pa.Table.from_batches(held, schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema)
