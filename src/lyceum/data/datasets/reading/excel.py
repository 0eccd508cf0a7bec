"""Excel workbooks (`.xlsx`, `.xlsm`) as batches of text columns: the first sheet that is shown, its first row the names.

A workbook is a zip archive of XML. What of it is needed is unpacked once, counted, and packed again without compression, so
that the library that reads it sees no more than was counted here; and how far the sheets reach is looked at first, since a
single cell in the last corner would have it make room for seventeen thousand million.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.parsers.expat import ExpatError

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from lyceum.data.datasets.reading.columns import require_usable_names, shown
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits
from lyceum.data.datasets.reading.shared_texts import require_bounded_texts

CHUNK_BYTES = 1 << 20
ENTRIES_MAX = 10_000
PLACE_BYTES_MAX = 64
EXACT_WHOLE_MAX = 2.0**53
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ExpatError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)
_NEEDED = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|xl/sharedStrings\.xml|"
    r"xl/styles\.xml|xl/worksheets/[^/]+\.xml",
    re.IGNORECASE,
)
_PLACE = re.compile(rb"[\s\"']r\s*=\s*[\"']([A-Za-z]{0,3})(\d{1,7})[\"']")


@dataclass(frozen=True, slots=True)
class ExcelSheet:
    """A sheet whose first row names its columns."""

    path: Path
    file_name: str
    limits: ReadingLimits
    place: int
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in order as frames of text columns; rows that are empty all through are left out."""
        rows = _rows(self.path, self.place, self.file_name)
        next(rows)
        at_once = max(1, self.limits.block_cells // len(self.names))
        while block := list(islice(rows, at_once)):
            yield pl.DataFrame(
                [
                    pl.Series(name, [row[place] for row in block], dtype=pl.String)
                    for place, name in enumerate(self.names)
                ]
            )


def open_excel(path: Path, *, file_name: str, work: Path, limits: ReadingLimits) -> ExcelSheet:
    """Return the first sheet that is shown, copied into `work`.

    Raises UnreadableTable for a workbook that is damaged or unpacks to too much, and for one without a row.
    """
    copy = work / "workbook.xlsx"
    try:
        with zipfile.ZipFile(path) as packed, zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as plain:
            _copy(packed, plain, file_name=file_name, limits=limits, packed_bytes=path.stat().st_size)
        require_bounded_texts(copy, file_name=file_name, limits=limits)
        with CalamineWorkbook.from_path(copy) as workbook:
            sheets = [
                (place, sheet.name)
                for place, sheet in enumerate(workbook.sheets_metadata)
                if sheet.typ is SheetTypeEnum.WorkSheet and sheet.visible is SheetVisibleEnum.Visible
            ]
    except (*_UNREADABLE, CalamineError) as broken:
        raise _damaged(file_name) from broken
    if not sheets:
        raise UnreadableTable("no_rows", f"{file_name} has no sheet that is shown; show the one with the table.")
    place, sheet_name = sheets[0]
    header = next(_rows(copy, place, file_name), None)
    if header is None:
        raise UnreadableTable(
            "no_rows", f"{file_name} has nothing in its sheet {shown(sheet_name)}; put the table into the first sheet."
        )
    names = [name or "" for name in header]
    require_usable_names(names, file_name=file_name, columns_max=limits.columns_max)
    notes = () if len(sheets) == 1 else (f"The workbook has {len(sheets)} sheets; read was {shown(sheet_name)}.",)
    return ExcelSheet(copy, file_name, limits, place, tuple(names), notes)


def _copy(
    packed: zipfile.ZipFile, plain: zipfile.ZipFile, *, file_name: str, limits: ReadingLimits, packed_bytes: int
) -> None:
    """Copy what is needed of a workbook, counting; raises UnreadableTable for too much of anything."""
    bytes_max, written = limits.unpacked_bytes_of(packed_bytes), 0
    entries = packed.infolist()
    needed = [entry for entry in entries if _NEEDED.fullmatch(entry.filename)]
    # of two entries of one name, what counts them might look at another than what reads them
    if len(entries) > ENTRIES_MAX or len({entry.filename.lower() for entry in needed}) < len(needed):
        raise _damaged(file_name)
    for entry in needed:
        reach = _Reach(limits, file_name) if "worksheets/" in entry.filename.lower() else None
        with packed.open(entry) as source, plain.open(entry.filename, "w", force_zip64=True) as target:
            for chunk in _chunks(source):
                written += len(chunk)
                if written > bytes_max:
                    raise UnreadableTable(
                        "too_large_unpacked",
                        f"{file_name} unpacks to more than {bytes_max / 2**30:,.3g} GB; save the sheet as CSV or Parquet.",
                    )
                if reach is not None:
                    reach.look_at(chunk)
                target.write(chunk)


class _Reach:
    """How far the cells of a sheet reach, as far as it says so itself."""

    def __init__(self, limits: ReadingLimits, file_name: str) -> None:
        self._cells_max = limits.workbook_cells_max
        self._file_name = file_name
        self._rows = self._columns = 1
        self._before = b""

    def look_at(self, chunk: bytes) -> None:
        """Look at the next part of the sheet; raises UnreadableTable where it reaches too far."""
        text = self._before + chunk
        for letters, digits in _PLACE.findall(text):
            self._rows = max(self._rows, int(digits))
            if letters:
                self._columns = max(self._columns, _column(letters))
        self._before = text[-PLACE_BYTES_MAX:]
        if self._rows * self._columns > self._cells_max:
            raise UnreadableTable(
                "too_many_cells",
                f"{self._file_name} has a sheet that reaches over {self._rows:,} rows and {self._columns:,} columns, and at "
                f"most {self._cells_max:,} cells of a workbook are read; remove what is empty, or save it as CSV.",
            )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(CHUNK_BYTES):
        yield chunk


def _rows(path: Path, place: int, file_name: str) -> Iterator[list[str | None]]:
    """Yield the rows that are not empty all through, the names first."""
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            for row in workbook.get_sheet_by_index(place).iter_rows():
                texts = [_text(value) for value in row]
                if any(text is not None for text in texts):
                    yield texts
    except CalamineError as broken:
        raise _damaged(file_name) from broken


def _text(value: Any) -> str | None:
    """Return a cell as one would write it in CSV; a faulty one is empty, as the library gives it."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT_WHOLE_MAX else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _damaged(file_name: str) -> UnreadableTable:
    return UnreadableTable(
        "damaged_file",
        f"{file_name} looks like an Excel workbook and cannot be read as one; save it again, or save the sheet as CSV.",
    )
