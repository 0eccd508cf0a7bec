"""How a delimited file is written: what separates its fields and which line names them.

A sample of the first lines is split with each candidate, and the one that cuts the most lines into the same number of
fields wins. The whole file is then read with it, and every line that disagrees is reported: nothing is skipped.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lyceum.data.datasets.reading.columns import shown
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.forms import Form, form_of
from lyceum.data.datasets.reading.source import TextFile

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

DELIMITERS = (",", ";", "\t", "|")
UNCOMMON_DELIMITERS = (":", "^", "~", "\x01", " ")
SAMPLE_BYTES = 1 << 20
SAMPLE_ROWS = 500
FIELD_CHARS_MAX = 4 << 20
DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", " ": "spaces", "\x01": "Ctrl-A"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file's fields and names are written."""

    delimiter: str
    escape: str | None
    names: tuple[str, ...]
    has_header: bool
    data_start_byte: int
    """Counted from the start of the text file."""
    first_data_line: int
    notes: tuple[str, ...] = ()


def dialect_of(
    text: TextFile, *, file_name: str, delimiter: str | None = None, has_header: bool | None = None
) -> Dialect:
    """Return the dialect; what the caller names is taken, the rest is found in the first lines.

    Raises UnreadableTable when the file has no lines, the delimiter is plainly wrong, or the first line holds data
    where names are expected.
    """
    sample = _sample(text)
    if not sample.text.strip():
        raise UnreadableTable(
            "empty_file", f"{file_name} holds only blank lines; upload a file with a header and rows."
        )
    if not sample.is_whole and not sample.text.strip("\r\n").count("\n") + sample.text.count("\r"):
        raise UnreadableTable(
            "long_line",
            f"{file_name}, line 1 is longer than 1 MB; put the column names and each row on lines of their own.",
            line=1,
        )
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise UnreadableTable("wrong_delimiter", f"{file_name}: a delimiter is one character, not {delimiter!r}.")
    escape, found = _best(sample, (delimiter,) if delimiter else DELIMITERS)
    if found.fields < 2:
        _require_one_column(sample, file_name=file_name, delimiter=delimiter)
    chosen = found.delimiter if found.fields > 1 or delimiter else ","
    body = sample.text.lstrip("\r\n")
    blank_lines = sample.text[: len(sample.text) - len(body)]
    first, line_count, byte_count = _first_row(body, chosen, escape)
    blanks = len(blank_lines.splitlines())
    start = text.start_byte + len(blank_lines)
    notes: tuple[str, ...] = (
        () if found.fields > 1 else ("Only one column was found; name the delimiter if there should be more.",)
    )
    if has_header is False:
        names = tuple(f"column_{place}" for place in range(1, len(first) + 1))
        return Dialect(chosen, escape, names, False, start, blanks + 1, notes)
    if has_header is None:
        notes += _header_doubts(first, file_name=file_name, line=blanks + 1)
    names = tuple(name.strip() for name in first)
    return Dialect(chosen, escape, names, True, start + byte_count, blanks + line_count + 1, notes)


@dataclass(frozen=True, slots=True)
class _Sample:
    text: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Split:
    delimiter: str
    fields: int
    """How many fields the first row has."""
    agreeing: float
    """The share of rows with as many."""


def _sample(text: TextFile) -> _Sample:
    with text.path.open("rb") as file:
        file.seek(text.start_byte)
        head = file.read(SAMPLE_BYTES + 1)
    return _Sample(head[:SAMPLE_BYTES].decode(errors="ignore"), is_whole=len(head) <= SAMPLE_BYTES)


def fields_of(lines: Iterable[str], delimiter: str, escape: str | None) -> "CsvReader":
    """Return a reader of the lines' fields; a field beyond `FIELD_CHARS_MAX` is a `csv.Error`."""
    # the limit is one for the whole process, so every use sets the same
    csv.field_size_limit(FIELD_CHARS_MAX)
    return csv.reader(lines, delimiter=delimiter, escapechar=escape, doublequote=escape is None)


def _rows(text: str, delimiter: str, escape: str | None) -> list[list[str]]:
    reader = fields_of(io.StringIO(text, newline=""), delimiter, escape)
    rows: list[list[str]] = []
    # what was split before a field too long for the csv module still tells the dialect
    with suppress(csv.Error):
        rows.extend(row for row in islice(reader, SAMPLE_ROWS) if row)
    return rows


def _best(sample: _Sample, delimiters: Sequence[str]) -> tuple[str | None, _Split]:
    plain = max((_split(sample, mark, None) for mark in delimiters), key=_rank)
    if '\\"' in sample.text:
        escaped = max((_split(sample, mark, "\\") for mark in delimiters), key=_rank)
        if escaped.agreeing > plain.agreeing:
            return "\\", escaped
    return None, plain


def _rank(split: _Split) -> tuple[bool, float, int]:
    return split.fields > 1, round(split.agreeing, 1), split.fields


def _split(sample: _Sample, delimiter: str, escape: str | None) -> _Split:
    rows = _rows(sample.text, delimiter, escape)
    if not sample.is_whole and len(rows) < SAMPLE_ROWS:
        rows = rows[:-1] or rows
    if not rows:
        return _Split(delimiter, 0, 0.0)
    fields = len(rows[0])
    return _Split(delimiter, fields, sum(len(row) == fields for row in rows) / len(rows))


def _require_one_column(sample: _Sample, *, file_name: str, delimiter: str | None) -> None:
    """Raise when another delimiter would cut every line into the same number of fields."""
    others = [mark for mark in (*DELIMITERS, *UNCOMMON_DELIMITERS) if mark != delimiter]
    splits = (_split(sample, mark, None) for mark in others)
    better = [split for split in splits if split.fields > 1 and split.agreeing > 0.9]
    if not better:
        return
    best = max(better, key=_rank)
    raise UnreadableTable(
        "wrong_delimiter",
        f"{file_name} has one column when split at {_named(delimiter) if delimiter else 'the usual delimiters'} and "
        f"{best.fields:,} when split at {_named(best.delimiter)}; name the delimiter {best.delimiter!r}.",
    )


def _named(delimiter: str) -> str:
    return DELIMITER_NAMES.get(delimiter, repr(delimiter))


def _first_row(text: str, delimiter: str, escape: str | None) -> tuple[list[str], int, int]:
    """Return the first row, on how many lines it stands and how many bytes it takes."""
    lines = io.StringIO(text, newline="")
    reader = fields_of(lines, delimiter, escape)
    row = next(reader)
    return row, reader.line_num, len(text[: lines.tell()].encode())


def _header_doubts(first: Sequence[str], *, file_name: str, line: int) -> tuple[str, ...]:
    filled = [name.strip() for name in first if name.strip()]
    data = [name for name in filled if form_of(name) is not Form.TEXT]
    if not data:
        return ()
    where = f"line {line:,}"
    if len(data) == len(filled):
        raise UnreadableTable(
            "no_header",
            f"{file_name} has no header: {where} holds values ({', '.join(shown(name) for name in data[:3])}); put a "
            "line with the column names first, or say that there is no header, and the columns are named column_1, "
            "column_2 and so on.",
            line=line,
        )
    doubt = f"The column names were taken from {where}, although it holds {shown(data[0])}"
    return (f"{doubt}; say that there is no header if that line is data.",)
