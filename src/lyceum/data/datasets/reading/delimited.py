"""Delimited text as batches of text columns, with the lines named that do not fit.

PyArrow splits the fields: of the readers tried it was the quickest, used the least memory and was the only one that
neither padded short rows in silence nor took a carriage return for data. When it refuses a row, the file is read again
with the `csv` module up to that place, only to tell a person the line.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from lyceum.data.datasets.reading.columns import shown
from lyceum.data.datasets.reading.dialect import Dialect, fields_of
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits
from lyceum.data.datasets.reading.source import TextFile

RAGGED_LINES_NAMED_MAX = 5
DIAGNOSED_CHARS_MAX = 1 << 30


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A delimited file whose dialect is known."""

    text: TextFile
    dialect: Dialect
    file_name: str
    limits: ReadingLimits

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in order as frames of text columns; an empty field is null.

        Raises UnreadableTable naming the lines of ragged rows, an unclosed quote, or a cell or row that is too large.
        """
        with self.text.path.open("rb") as file:
            file.seek(self.dialect.data_start_byte)
            if not file.read(1):
                return
            file.seek(self.dialect.data_start_byte)
            try:
                for batch in self._open(file):
                    frame = pl.DataFrame(pl.from_arrow(batch))
                    self._require_small_cells(frame)
                    yield frame
            except pa.ArrowInvalid as refused:
                raise self._diagnosis() from refused

    def _open(self, file: io.BufferedReader) -> arrow_csv.CSVStreamingReader:
        names = list(self.dialect.names)
        return arrow_csv.open_csv(
            file,
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=self.limits.block_bytes),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                double_quote=self.dialect.escape is None,
                escape_char=self.dialect.escape or False,
                newlines_in_values=True,
            ),
            convert_options=arrow_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _require_small_cells(self, frame: pl.DataFrame) -> None:
        longest = frame.select(pl.all().str.len_bytes().max()).row(0)
        if any(size and size > self.limits.cell_bytes_max for size in longest):
            raise self._diagnosis()

    def _diagnosis(self) -> UnreadableTable:
        """Read again, slowly, to say what is wrong and on which line."""
        width = len(self.dialect.names)
        ragged: list[_Row] = []
        row = None
        try:
            for row in self._rows():
                self._require_small(row)
                if len(row.cells) != width:
                    ragged.append(row)
                if len(ragged) > RAGGED_LINES_NAMED_MAX:
                    break
        except UnreadableTable as found:
            return found
        if row is not None and ragged and row is ragged[-1] and len(ragged) <= RAGGED_LINES_NAMED_MAX and row.lines > 1:
            return self._unclosed(row.line)
        if ragged:
            return self._ragged(ragged)
        return UnreadableTable("long_line", f"{self.file_name} has a row longer than {self._block} MB; shorten it.")

    def _rows(self) -> Iterator["_Row"]:
        before = self.dialect.first_data_line - 1
        file = self.text.path.open("rb")
        file.seek(self.dialect.data_start_byte)
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            reader = fields_of(self._lines(text), self.dialect.delimiter, self.dialect.escape)
            line = before + 1
            try:
                for cells in reader:
                    end = before + reader.line_num
                    if cells:
                        yield _Row(line, end - line + 1, cells)
                    line = end + 1
            except csv.Error:
                raise self._unclosed(line) from None
            except _LongLine as found:
                raise self._too_long(found, begins_row=found.line == line) from None

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        line = self.dialect.first_data_line
        chars_read = 0
        while chars_read < DIAGNOSED_CHARS_MAX and (piece := text.readline(self.limits.block_bytes)):
            if len(piece) == self.limits.block_bytes:
                raise _LongLine(line, piece)
            chars_read += len(piece)
            line += 1
            yield piece

    @property
    def _block(self) -> int:
        return self.limits.block_bytes >> 20

    def _require_small(self, row: "_Row") -> None:
        most = self.limits.cell_bytes_max
        for place, cell in enumerate(row.cells):
            if len(cell) * 4 > most and (size := len(cell.encode())) > most:
                names = self.dialect.names
                # a quote left open swallows the rest of the file, its last line end included
                if row.lines > 1 and (len(row.cells) != len(names) or cell.endswith(("\n", "\r"))):
                    raise self._unclosed(row.line)
                raise self._large(row.line, place, f"{size / 1e6:,.1f} MB")

    def _too_long(self, found: "_LongLine", *, begins_row: bool) -> UnreadableTable:
        """Say which cell makes the line too long, where its beginning tells."""
        cells: list[str] = []
        if begins_row:
            with suppress(csv.Error):
                cells = next(fields_of([found.beginning], self.dialect.delimiter, self.dialect.escape))
        most = self.limits.cell_bytes_max
        for place, cell in enumerate(cells[: len(self.dialect.names)]):
            if len(cell) > most:
                return self._large(found.line, place, f"{len(cell) / 1e6:,.1f} MB or more")
        return UnreadableTable(
            "long_line",
            f"{self.file_name}, line {found.line:,} is longer than {self._block} MB; break it into rows.",
            line=found.line,
        )

    def _large(self, line: int, place: int, size: str) -> UnreadableTable:
        names = self.dialect.names
        column = shown(names[place]) if place < len(names) else f"{place + 1}"
        most = f"{self.limits.cell_bytes_max / 1e6:,.1f} MB"
        return UnreadableTable(
            "large_cell",
            f"{self.file_name}, line {line:,}, column {column} holds {size} in one cell and at most {most} are read; "
            "shorten it or leave the column out.",
            line=line,
        )

    def _unclosed(self, line: int) -> UnreadableTable:
        return UnreadableTable(
            "unclosed_quote",
            f"{self.file_name}, line {line:,} opens a quote that is never closed; close it, or double it inside a text.",
            line=line,
        )

    def _ragged(self, rows: list["_Row"]) -> UnreadableTable:
        width = len(self.dialect.names)
        source = "header" if self.dialect.has_header else "first line"
        first = rows[0]
        spread = f" (to line {first.line + first.lines - 1:,})" if first.lines > 1 else ""
        others = ""
        if len(rows) > 1:
            named = ", ".join(f"{row.line:,}" for row in rows[1:RAGGED_LINES_NAMED_MAX])
            more = " and more" if len(rows) > RAGGED_LINES_NAMED_MAX else ""
            others = (
                f", and so do not fit lines {named}{more}"
                if len(rows) > 2
                else f", and line {named} does not fit either"
            )
        fields = "1 field" if len(first.cells) == 1 else f"{len(first.cells):,} fields"
        return UnreadableTable(
            "ragged_rows",
            f"{self.file_name}, line {first.line:,}{spread} has {fields} where the {source} has {width:,}{others}; "
            "put texts that hold the delimiter in quotes, or complete the rows.",
            line=first.line,
        )


class _LongLine(Exception):
    """A line is longer than what is parsed at once; only its beginning has been read."""

    def __init__(self, line: int, beginning: str) -> None:
        super().__init__(line)
        self.line = line
        self.beginning = beginning


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    lines: int
    """On how many lines it stands."""
    cells: list[str]
