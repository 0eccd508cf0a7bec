"""How much the texts of a workbook become once each cell has its own.

Cells point at a list of texts, each kept once: a workbook of some kilobytes can point at one long text a million times, and
the library that reads it makes a copy for each. What there is at most is told by two figures; only where that is too much
are the cells looked at one by one.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.parsers import expat

from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits

CHUNK_BYTES = 1 << 20
TEXTS = "xl/sharedstrings.xml"
SHEETS = "xl/worksheets/"


def require_bounded_texts(workbook: Path, *, file_name: str, limits: ReadingLimits) -> None:
    """Raise UnreadableTable for a workbook whose cells hold too much text, or whose texts are no XML (ExpatError).

    `workbook` is a copy without compression that holds each entry once.
    """
    with zipfile.ZipFile(workbook) as archive:
        entries = {entry.filename.lower(): entry for entry in archive.infolist()}
        if TEXTS not in entries:
            return
        with archive.open(entries[TEXTS]) as source:
            lengths = _lengths(source)
        for name, entry in entries.items():
            if not name.startswith(SHEETS):
                continue
            with archive.open(entry) as source:
                # each cell takes a sign of its own
                cells_max = sum(chunk.count(b"<") for chunk in _chunks(source))
            if cells_max * max(lengths, default=0) <= limits.workbook_text_bytes_max:
                continue
            with archive.open(entry) as source:
                written_out = _written_out(source, lengths)
            if written_out > limits.workbook_text_bytes_max:
                raise UnreadableTable(
                    "too_large_unpacked",
                    f"{file_name} has a sheet whose cells hold {written_out / 2**30:,.1f} GB of text and at most "
                    f"{limits.workbook_text_bytes_max / 2**30:,.3g} GB are read; save the sheet as CSV or Parquet.",
                )


def _lengths(source: IO[bytes]) -> list[int]:
    """Return how many bytes each shared text has."""
    lengths: list[int] = []
    counting = False

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal counting
        if _local(name) == "si":
            lengths.append(0)
        counting = bool(lengths)

    def data(text: str) -> None:
        if counting:
            lengths[-1] += len(text.encode())

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.CharacterDataHandler = data
    _parsed(parser, source)
    return lengths


def _written_out(source: IO[bytes], lengths: list[int]) -> int:
    """Return how many bytes the cells of a sheet have that point at shared texts."""
    total = 0
    shared = False
    place: list[str] | None = None

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal shared, place
        match _local(name):
            case "c":
                shared = attributes.get("t") == "s"
            case "v" if shared:
                place = []

    def data(text: str) -> None:
        if place is not None:
            place.append(text)

    def end(name: str) -> None:
        nonlocal total, place
        if place is not None and _local(name) == "v":
            number = "".join(place).strip()
            total += lengths[int(number)] if number.isdecimal() and int(number) < len(lengths) else 0
            place = None

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = data
    _parsed(parser, source)
    return total


def _parsed(parser: expat.XMLParserType, source: IO[bytes]) -> None:
    parser.buffer_text = True
    for chunk in _chunks(source):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(CHUNK_BYTES):
        yield chunk


def _local(name: str) -> str:
    return name.rpartition(":")[2]
