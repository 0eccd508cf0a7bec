"""An uploaded file becomes staged Parquet: read as a stream, typed by all of its rows, whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lyceum.data.datasets.reading.arrow import open_arrow
from lyceum.data.datasets.reading.columns import Column, ColumnType, require_usable_names
from lyceum.data.datasets.reading.delimited import DelimitedFile
from lyceum.data.datasets.reading.dialect import dialect_of
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.excel import ExcelSheet, open_excel
from lyceum.data.datasets.reading.json_lines import JsonLinesFile
from lyceum.data.datasets.reading.limits import ReadingLimits
from lyceum.data.datasets.reading.parquet import ParquetSource, open_parquet
from lyceum.data.datasets.reading.parts import PartWriter
from lyceum.data.datasets.reading.source import FileFormat, TextFile, as_utf8, format_of, unpack
from lyceum.data.datasets.reading.table_forms import TableForms
from lyceum.data.datasets.space import telling_full


@dataclass(frozen=True, slots=True)
class StagedTable:
    """What was read, and the Parquet files that hold it."""

    files: tuple[Path, ...]
    """In the order of the rows."""
    format: FileFormat
    columns: tuple[Column, ...]
    rows: int
    source_bytes: int
    source_sha256: str
    staged_bytes: int
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None
    line_of_first_row: int | None = None
    """The source line of row 1 where every row stands on one line of its own; None where rows and lines part ways."""
    notes: tuple[str, ...] = ()
    """What a person should know about how the file was understood."""


def stage_table(
    source: Path,
    *,
    file_name: str,
    target: Path,
    format: FileFormat | None = None,  # noqa: A002 - the word users and the API have for it
    encoding: str | None = None,
    delimiter: str | None = None,
    has_header: bool | None = None,
    limits: ReadingLimits | None = None,
    stop_if_asked: Callable[[], None] = lambda: None,
) -> StagedTable:
    """Read the file into Parquet files in the new folder `target` and return what was found.

    `file_name` is what the person calls the file. Format, encoding, delimiter and header are found when not given.
    Memory stays within a few hundred MB whatever the file's size; text is read once, or twice when a late row changes a
    column's type. `target` appears only when all of the table is in it. `stop_if_asked` is called every few MB and may
    raise, which leaves nothing.
    Raises UnreadableTable when the file is not a table, DiskFull when the disk is full, FileExistsError for `target`.
    """
    if target.exists():
        raise FileExistsError(f"the staging folder {target} exists already")
    bounds = limits or ReadingLimits()
    target.parent.mkdir(parents=True, exist_ok=True)
    with telling_full(file_name), _workplace(target) as work:
        unpacked = unpack(source, file_name=file_name, work=work, limits=bounds)
        kind = format_of(unpacked.path, file_name=file_name, declared=format)
        writer = PartWriter(work / "parts", part_bytes=bounds.part_bytes, before_each=stop_if_asked)
        if kind is FileFormat.PARQUET:
            found = _stage_typed(open_parquet(unpacked.path, file_name=file_name, limits=bounds), writer)
        elif kind is FileFormat.ARROW:
            found = _stage_typed(open_arrow(unpacked.path, file_name=file_name, limits=bounds), writer)
        elif kind is FileFormat.EXCEL:
            found = _stage_excel(open_excel(unpacked.path, file_name=file_name, work=work, limits=bounds), writer)
        else:
            text = as_utf8(unpacked.path, file_name=file_name, work=work, encoding=encoding)
            if kind is FileFormat.JSON_LINES:
                found = _stage_json_lines(JsonLinesFile(text, file_name, bounds), writer)
            else:
                dialect = dialect_of(text, file_name=file_name, delimiter=delimiter, has_header=has_header)
                found = _stage_delimited(DelimitedFile(text, dialect, file_name, bounds), writer)
        parts = writer.finish()
        if writer.rows == 0:
            raise UnreadableTable("no_rows", f"{file_name} has column names and no rows; upload a file with rows.")
        (work / "parts").rename(target)
    return StagedTable(
        files=tuple(target / part.name for part in parts),
        format=kind,
        columns=tuple(Column(name, column_type) for name, column_type in found.types.items()),
        rows=writer.rows,
        source_bytes=unpacked.source_bytes,
        source_sha256=unpacked.sha256,
        staged_bytes=sum((target / part.name).stat().st_size for part in parts),
        encoding=found.encoding,
        delimiter=found.delimiter,
        has_header=found.has_header,
        line_of_first_row=found.line_of_first_row,
        notes=found.notes + (("The table has only one row.",) if writer.rows == 1 else ()),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the reading of one format learnt."""

    types: dict[str, ColumnType]
    notes: tuple[str, ...]
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None
    line_of_first_row: int | None = None


def _stage_typed(source: ParquetSource, writer: PartWriter) -> _Found:
    for frame in source.frames():
        writer.write(frame)
    return _Found(source.types, source.notes)


def _stage_excel(sheet: ExcelSheet, writer: PartWriter) -> _Found:
    forms = TableForms(sheet.names)
    _type_and_write(sheet.frames, forms, writer, file_name=sheet.file_name, limits=sheet.limits)
    return _Found(forms.types, (*sheet.notes, *forms.notes()))


def _stage_json_lines(file: JsonLinesFile, writer: PartWriter) -> _Found:
    forms = TableForms(())
    _type_and_write(lambda: file.frames(forms), forms, writer, file_name=file.file_name, limits=file.limits)
    notes = (*_notes_of(file.text), *forms.notes())
    line = 1 if file.text.line_count == writer.rows else None
    return _Found(forms.types, notes, encoding=file.text.encoding, line_of_first_row=line)


def _stage_delimited(file: DelimitedFile, writer: PartWriter) -> _Found:
    dialect = file.dialect
    require_usable_names(dialect.names, file_name=file.file_name, columns_max=file.limits.columns_max)
    forms = TableForms(dialect.names, decimal_comma=dialect.delimiter != ",")
    _type_and_write(file.frames, forms, writer, file_name=file.file_name, limits=file.limits)
    one_line_each = file.text.line_count == writer.rows + dialect.first_data_line - 1
    return _Found(
        forms.types,
        (*_notes_of(file.text), *dialect.notes, *forms.notes()),
        encoding=file.text.encoding,
        delimiter=dialect.delimiter,
        has_header=dialect.has_header,
        line_of_first_row=dialect.first_data_line if one_line_each else None,
    )


def _notes_of(text: TextFile) -> tuple[str, ...]:
    return () if text.note is None else (text.note,)


def _type_and_write(
    frames: Callable[[], Iterator[pl.DataFrame]],
    forms: TableForms,
    writer: PartWriter,
    *,
    file_name: str,
    limits: ReadingLimits,
) -> None:
    """Write the frames with the types of the first ones; when a later one changes a type, look on and then begin anew.

    A type may change and change back, so one change is enough for the second pass.
    """
    first_types: dict[str, ColumnType] | None = None
    has_changed = False
    rows = 0
    for raw in frames():
        typed = forms.take(raw)
        rows += raw.height
        limits.require_cells(rows, len(forms.types), file_name=file_name)
        first_types = first_types or forms.types
        has_changed = has_changed or forms.types != first_types
        if has_changed:
            writer.discard()
        else:
            writer.write(typed)
    if has_changed:
        for raw in frames():
            writer.write(forms.read(raw))
    if writer.rows != rows:
        raise UnreadableTable(
            "rows_differ",
            f"{file_name} gave {rows:,} rows when its columns were looked at and {writer.rows:,} when they were kept, "
            "so nothing was kept; upload it again.",
        )


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """Give a folder beside `target` that is gone afterwards."""
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
