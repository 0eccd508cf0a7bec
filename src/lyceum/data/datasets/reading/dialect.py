"""How a delimited file is written: what separates its fields and which line names them.

A sample of the first lines is split with each candidate, and the one that cuts the most lines into the same number of
fields wins. Where several do, as in files with decimal commas, the one wins under which more fields are numbers, dates
or true/false, then the one whose texts do not hold the other regularly; a tie is refused. The whole file is then read with it, and every line that disagrees is reported: nothing is skipped.
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
from lyceum.data.datasets.reading.forms import MISSING_MARKS, Form, form_of
from lyceum.data.datasets.reading.source import TextFile

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

DELIMITERS = (",", ";", "\t", "|")
UNCOMMON_DELIMITERS = ("^", "~", "\x01")
"""Those a text seldom holds; spaces and colons stand in names and times as often."""
SAMPLE_BYTES = 1 << 20
SAMPLE_ROWS = 500
JUDGED_ROWS = 100
FIELD_CHARS_MAX = 4 << 20
DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", "\x01": "Ctrl-A"}


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

    Raises UnreadableTable when the file has no lines, two delimiters fit equally well, another one than the usual fits,
    or the first line holds data where names are expected.
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
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\0\r\n"' or not delimiter.isascii()):
        raise UnreadableTable("wrong_delimiter", f"{file_name}: a delimiter is one ASCII character, not {delimiter!r}.")
    escape, leaders = _best(sample, (delimiter,) if delimiter else DELIMITERS)
    found = _fittest(leaders, file_name=file_name, header_rows=0 if has_header is False else 1)
    notes = _one_column_notes(sample, file_name=file_name, delimiter=delimiter) if found.fields < 2 else ()
    chosen = found.delimiter if found.fields > 1 or delimiter else ","
    body = sample.text.lstrip("\r\n")
    blank_lines = sample.text[: len(sample.text) - len(body)]
    first, line_count, byte_count = _first_row(body, chosen, escape)
    blanks = len(blank_lines.splitlines())
    start = text.start_byte + len(blank_lines)
    if has_header is False:
        names = tuple(f"column_{place}" for place in range(1, len(first) + 1))
        return Dialect(chosen, escape, names, False, start, blanks + 1, notes)
    if has_header is None:
        notes += _header_doubts(first, file_name=file_name, line=blanks + 1, decimal_comma=chosen != ",")
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
    rows: tuple[list[str], ...] = ()
    """The first ones."""


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


def _best(sample: _Sample, delimiters: Sequence[str]) -> tuple[str | None, list[_Split]]:
    """Return the escape character and the splits nothing but their fields tells apart."""
    plain = _leaders([_split(sample, mark, None) for mark in delimiters])
    if '\\"' in sample.text:
        escaped = _leaders([_split(sample, mark, "\\") for mark in delimiters])
        if escaped[0].agreeing > plain[0].agreeing:
            return "\\", escaped
    return None, plain


def _leaders(splits: list[_Split]) -> list[_Split]:
    best = max(map(_rank, splits))
    leaders = [split for split in splits if _rank(split) == best]
    return leaders if best[0] else leaders[:1]


def _rank(split: _Split) -> tuple[bool, float]:
    return split.fields > 1, round(split.agreeing, 1)


def _fittest(leaders: list[_Split], *, file_name: str, header_rows: int) -> _Split:
    """Return the split whose fields make the most sense; raise UnreadableTable when two make as much."""
    if len(leaders) == 1:
        return leaders[0]
    marks = [split.delimiter for split in leaders]
    ranked = sorted(((_sense(split, marks, header_rows), split) for split in leaders), key=lambda each: each[0])
    (best_sense, best), (next_sense, second) = ranked[-1], ranked[-2]
    if best_sense > next_sense:
        return best
    raise UnreadableTable(
        "wrong_delimiter",
        f"{file_name} can be split at {_named(best.delimiter)} into {best.fields:,} columns and at "
        f"{_named(second.delimiter)} into {second.fields:,}; name the delimiter.",
    )


def _sense(split: _Split, marks: Sequence[str], header_rows: int) -> tuple[float, bool]:
    """Return the share of typed fields, and whether no column of texts holds another mark as often in each row."""
    rows = [row for row in split.rows[header_rows:] if len(row) == split.fields] or list(split.rows[:1])
    decimal_comma = split.delimiter != ","
    filled = typed = 0
    is_torn = False
    for column in zip(*rows, strict=True):
        values = [value for value in column if value.strip() not in MISSING_MARKS]
        texts = [value for value in values if form_of(value, decimal_comma=decimal_comma) is Form.TEXT]
        filled += len(values)
        typed += len(values) - len(texts)
        is_torn = is_torn or any(_is_steady(texts, mark) for mark in marks if mark != split.delimiter)
    return typed / max(filled, 1), not is_torn


def _is_steady(texts: list[str], mark: str) -> bool:
    counts = {text.count(mark) for text in texts}
    return len(counts) == 1 and counts != {0}


def _split(sample: _Sample, delimiter: str, escape: str | None) -> _Split:
    rows = _rows(sample.text, delimiter, escape)
    if not sample.is_whole and len(rows) < SAMPLE_ROWS:
        rows = rows[:-1] or rows
    if not rows:
        return _Split(delimiter, 0, 0.0)
    fields = len(rows[0])
    agreeing = sum(len(row) == fields for row in rows) / len(rows)
    return _Split(delimiter, fields, agreeing, tuple(rows[:JUDGED_ROWS]))


def _one_column_notes(sample: _Sample, *, file_name: str, delimiter: str | None) -> tuple[str, ...]:
    """Return what to say of one column; raise UnreadableTable when no delimiter is named and another one plainly fits."""
    others = [mark for mark in (*DELIMITERS, *UNCOMMON_DELIMITERS) if mark != delimiter]
    splits = (_split(sample, mark, None) for mark in others)
    better = [split for split in splits if split.fields > 1 and split.agreeing > 0.9]
    if not better:
        return ("Only one column was found; name the delimiter if there should be more.",)
    best = max(better, key=lambda split: (_rank(split), split.fields))
    if delimiter is not None:
        fields = f"split at {_named(best.delimiter)} there would be {best.fields:,}"
        return (f"Only one column was found when split at {_named(delimiter)}; {fields}.",)
    raise UnreadableTable(
        "wrong_delimiter",
        f"{file_name} has one column when split at the usual delimiters and {best.fields:,} when split at "
        f"{_named(best.delimiter)}; name the delimiter {best.delimiter!r}.",
    )


def _named(delimiter: str) -> str:
    return DELIMITER_NAMES.get(delimiter, repr(delimiter))


def _first_row(text: str, delimiter: str, escape: str | None) -> tuple[list[str], int, int]:
    """Return the first row, on how many lines it stands and how many bytes it takes."""
    lines = io.StringIO(text, newline="")
    reader = fields_of(lines, delimiter, escape)
    row = next(reader)
    return row, reader.line_num, len(text[: lines.tell()].encode())


def _header_doubts(first: Sequence[str], *, file_name: str, line: int, decimal_comma: bool) -> tuple[str, ...]:
    filled = [name.strip() for name in first if name.strip()]
    data = [name for name in filled if form_of(name, decimal_comma=decimal_comma) is not Form.TEXT]
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
