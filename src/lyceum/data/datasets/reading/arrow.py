"""Arrow files and streams (Feather, too) as batches of typed columns, with the rules for Parquet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lyceum.data.datasets.reading.columns import require_usable_names
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits
from lyceum.data.datasets.reading.parquet import BATCH_ROWS, ParquetSource, damaged, type_of_field

FILE_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
KIND = "an Arrow file"


@dataclass(frozen=True, slots=True)
class ArrowSource(ParquetSource):
    """An Arrow file whose columns all have a type that is kept."""

    def _whole(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, each found to be whole before a value of it is looked at."""
        rows = 0
        with pa.memory_map(str(self.path)) as file:
            for batch in _batches(self.path, file):
                batch.validate(full=True)
                rows += batch.num_rows
                self.limits.require_cells(rows, len(self.types), file_name=self.file_name)
                yield from (batch.slice(start, BATCH_ROWS) for start in range(0, batch.num_rows, BATCH_ROWS))


def open_arrow(path: Path, *, file_name: str, limits: ReadingLimits) -> ArrowSource:
    """Return the file with its columns' types; raises UnreadableTable for a damaged file and for nested columns."""
    try:
        with pa.memory_map(str(path)) as file:
            schema = _opened(path, file).schema
    except (pa.ArrowException, OSError) as broken:
        raise damaged(file_name, broken, kind=KIND) from broken
    if not schema.names:
        raise UnreadableTable("no_columns", f"{file_name} has no columns; upload a file with columns and rows.")
    require_usable_names(schema.names, file_name=file_name, columns_max=limits.columns_max)
    notes: list[str] = []
    types = {field.name: type_of_field(field, file_name=file_name, notes=notes) for field in schema}
    return ArrowSource(path, file_name, limits, types, tuple(notes), kind=KIND)


def _opened(path: Path, file: "pa.MemoryMappedFile") -> "pa.RecordBatchFileReader | pa.RecordBatchStreamReader":
    with path.open("rb") as start:
        is_file = start.read(len(FILE_MAGIC)) == FILE_MAGIC
    return pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)


def _batches(path: Path, file: "pa.MemoryMappedFile") -> Iterator[pa.RecordBatch]:
    reader = _opened(path, file)
    if isinstance(reader, pa.RecordBatchFileReader):
        yield from (reader.get_batch(place) for place in range(reader.num_record_batches))
    else:
        yield from reader
