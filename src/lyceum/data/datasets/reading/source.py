"""What kind of file this is, and its bytes as clean UTF-8."""

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO

from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits

CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16


class FileFormat(StrEnum):
    """The formats that are read."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"
    ARROW = "arrow"
    EXCEL = "excel"


_FOREIGN: list[tuple[bytes, str]] = [
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office file; save the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive; upload the table itself"),
    (b"BZh", "compressed with bzip2; unpack it or use gzip"),
    (b"\xfd7zXZ", "compressed with xz; unpack it or use gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it or use gzip"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"%PDF", "a PDF document; export its table as CSV"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV or Parquet"),
    (b"\x89HDF", "an HDF5 file; export the table as Parquet"),
    (b"FEA1", "a Feather file of the first version; save it as Parquet"),
    (b"ORC", "an ORC file; save it as Parquet"),
    (b"Obj\x01", "an Avro file; save it as Parquet"),
    (b"\x80\x04\x95", "a Python pickle, which is code and not a table; save the table as Parquet"),
    (b"\x80\x05\x95", "a Python pickle, which is code and not a table; save the table as Parquet"),
    (b"<!DOCTYPE", "a web page; download the table itself"),
    (b"<html", "a web page; download the table itself"),
]
_SUFFIXES = {
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
    ".jsonl": FileFormat.JSON_LINES,
    ".ndjson": FileFormat.JSON_LINES,
    ".json": FileFormat.JSON_LINES,
    ".arrow": FileFormat.ARROW,
    ".arrows": FileFormat.ARROW,
    ".feather": FileFormat.ARROW,
}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The file's own bytes, out of gzip when it came so."""

    path: Path
    sha256: str
    source_bytes: int


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of clean UTF-8 text without NUL."""

    path: Path
    encoding: str
    start_byte: int
    """Where the text begins, behind a byte order mark."""
    line_count: int
    note: str | None = None


def unpack(source: Path, *, file_name: str, work: Path, limits: ReadingLimits) -> Unpacked:
    """Hash the file, and unpack it into `work` when it is gzip.

    Raises UnreadableTable for an empty file, a broken gzip, or one that grows beyond the limit.
    """
    source_bytes = source.stat().st_size
    if source_bytes == 0:
        raise UnreadableTable("empty_file", f"{file_name} is empty; upload a file with a header and rows.")
    digest = hashlib.sha256()
    with source.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        for chunk in _chunks(file):
            digest.update(chunk)
    path = _gunzip(source, file_name=file_name, work=work, limits=limits) if is_gzip else source
    if path.stat().st_size == 0:
        raise UnreadableTable(
            "empty_file", f"{file_name} is empty once unpacked; upload a file with a header and rows."
        )
    return Unpacked(path, digest.hexdigest(), source_bytes)


def format_of(path: Path, *, file_name: str, declared: FileFormat | None = None) -> FileFormat:
    """Return the format by unmistakable content, else as declared, else by name, else by a look at the text.

    Raises UnreadableTable for a file known to be something else, whatever it was declared to be.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return FileFormat.PARQUET
    if head.startswith(b"ARROW1"):
        return FileFormat.ARROW
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head:
            return FileFormat.EXCEL
        what = "an Office document and no Excel workbook; export its table" if b"[Content_Types]" in head else None
        raise UnreadableTable("foreign_format", f"{file_name} is {what or 'a zip archive; unpack it first'}.")
    for magic, what in _FOREIGN:
        if head.lower().startswith(magic.lower()) if magic.startswith(b"<") else head.startswith(magic):
            raise UnreadableTable("foreign_format", f"{file_name} is {what}.")
    if declared is not None:
        return declared
    name = file_name.lower().removesuffix(".gz")
    by_name = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    if by_name:
        return by_name
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    return FileFormat.JSON_LINES if text.startswith(b'{"') else FileFormat.CSV


def as_utf8(path: Path, *, file_name: str, work: Path, encoding: str | None = None) -> TextFile:
    """Return the file as UTF-8 text: itself when it is that already, else rewritten into `work`.

    The encoding is `encoding`, else what the byte order mark says, else UTF-8 when the whole file is valid UTF-8, else a
    guess between Windows-1252 and the encodings of other scripts, which the note names.
    Raises UnreadableTable for a NUL byte, and for bytes that do not belong to the encoding, with the line.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    named, start_byte = _encoding_of_head(head)
    if encoding is not None:
        known = _known_encoding(encoding, file_name=file_name)
        # a mark tells the order of the bytes, which "utf-16" does not
        named = named if named and named.startswith(known) else known
    if named not in {None, "utf-8"}:
        return _rewritten(path, work, encodings=[str(named)], start_byte=start_byte, file_name=file_name)
    survey = _survey(path, start_byte=start_byte)
    if survey.bad_bytes is not None and named is None and not survey.multibyte_before:
        guess = _guessed_encoding(survey.bad_bytes)
        guesses = [guess, "latin-1"] if guess == "cp1252" else [guess]
        clean = _rewritten(path, work, encodings=guesses, start_byte=0, file_name=file_name)
        return replace(clean, note=_guess_note(clean.encoding))
    return TextFile(path, "utf-8", start_byte, line_count=_clean(survey, file_name=file_name))


def _rewritten(path: Path, work: Path, *, encodings: list[str], start_byte: int, file_name: str) -> TextFile:
    """Write the file as UTF-8 into `work`, read with the first of `encodings` that fits."""
    clean = work / "text.utf8"
    bad_line = 0
    for encoding in encodings:
        bad_line = _transcode(path, clean, encoding=encoding, start_byte=start_byte)
        if not bad_line:
            survey = _survey(clean, start_byte=0)
            return TextFile(clean, encoding, 0, line_count=_clean(survey, file_name=file_name))
    raise UnreadableTable(
        "broken_encoding",
        f"{file_name}, near line {bad_line:,} holds bytes that are not {encodings[0]}; name the right encoding.",
        line=bad_line,
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _gunzip(source: Path, *, file_name: str, work: Path, limits: ReadingLimits) -> Path:
    target = work / "unpacked"
    written = 0
    bytes_max = limits.unpacked_bytes_of(source.stat().st_size)
    try:
        with gzip.open(source, "rb") as packed, target.open("wb") as plain:
            while chunk := packed.read(CHUNK_BYTES):
                written += len(chunk)
                if written > bytes_max:
                    raise UnreadableTable(
                        "too_large_unpacked",
                        f"{file_name} unpacks to more than {bytes_max / 2**30:,.3g} GB; unpack it and upload it in "
                        "pieces, or as Parquet.",
                    )
                plain.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as broken:
        raise UnreadableTable(
            "damaged_file", f"{file_name} is a gzip file that is damaged or cut short; upload it again."
        ) from broken
    return target


def _encoding_of_head(head: bytes) -> tuple[str | None, int]:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return name, len(mark)
    even, odd = head[0:4096:2], head[1:4096:2]
    if len(odd) >= 8 and odd.count(0) > 0.7 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le", 0
    if len(odd) >= 8 and even.count(0) > 0.7 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be", 0
    return None, 0


def _known_encoding(encoding: str, *, file_name: str) -> str:
    try:
        known = codecs.lookup(encoding)
    except (LookupError, ValueError):
        known = None
    if (
        known is None
        or getattr(known, "incrementaldecoder", None) is None
        or not getattr(known, "_is_text_encoding", True)
    ):
        raise UnreadableTable(
            "unknown_encoding",
            f"{file_name}: there is no encoding {encoding!r}; say utf-8, latin-1, windows-1252 or utf-16.",
        )
    return "utf-8" if known.name in {"utf-8", "utf-8-sig", "ascii"} else known.name


@dataclass(frozen=True, slots=True)
class _Survey:
    """What one pass over the bytes saw; it ends early at a NUL byte or at a byte that is not UTF-8."""

    line_count: int
    nul: bool = False
    bad_bytes: bytes | None = None
    """The bytes around the first that is not UTF-8."""
    multibyte_before: bool = False


def _survey(path: Path, *, start_byte: int) -> _Survey:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line_feeds = returns = pairs = 0
    multibyte = False
    last = pending = b""
    with path.open("rb") as file:
        file.seek(start_byte)
        for chunk in _chunks(file):
            if (nul := chunk.find(b"\0")) >= 0:
                return _Survey(line_feeds + chunk.count(b"\n", 0, nul) + 1, nul=True)
            if pending or not chunk.isascii():
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as bad:
                    place = max(0, bad.start - len(pending))
                    around = chunk[max(0, place - 4096) : place + HEAD_BYTES]
                    line = line_feeds + chunk.count(b"\n", 0, place) + 1
                    return _Survey(line, bad_bytes=around, multibyte_before=multibyte or not chunk[:place].isascii())
                pending = decoder.getstate()[0]
                multibyte = True
            line_feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            last = chunk[-1:]
    ends = line_feeds + returns - pairs
    if pending:
        return _Survey(ends + 1, bad_bytes=pending, multibyte_before=True)
    return _Survey(ends + (last not in {b"\n", b"\r"}))


def _clean(survey: _Survey, *, file_name: str) -> int:
    """Return the number of lines of a text without fault; raise UnreadableTable naming the line of the first fault."""
    where = f"{file_name}, line {survey.line_count:,} holds"
    if survey.nul:
        raise UnreadableTable(
            "nul_byte",
            f"{where} a NUL byte, so it is not a text file or it is damaged; export the table again.",
            line=survey.line_count,
        )
    if survey.bad_bytes is not None:
        raise UnreadableTable(
            "broken_encoding",
            f"{where} bytes that are not UTF-8, as the rest of the file is; save the file in one encoding, or name it.",
            line=survey.line_count,
        )
    return survey.line_count


def _guessed_encoding(sample: bytes) -> str:
    """Guess between Western text, which has few bytes above ASCII, and the encodings of other scripts."""
    share = sum(byte > 127 for byte in sample) / len(sample)
    if share > 0.1:
        from charset_normalizer import from_bytes

        others = ["cp1252", "cp1251", "cp1253", "koi8_r", "shift_jis", "gb18030", "big5", "euc_kr", "euc_jp"]
        best = from_bytes(sample, cp_isolation=others).best()
        if best is not None:
            return best.encoding
    return "cp1252"


def _guess_note(encoding: str) -> str:
    name = {"cp1252": "Latin-1 (Windows-1252)", "latin-1": "Latin-1 (ISO 8859-1)"}.get(encoding, encoding)
    return f"The file is not UTF-8; read as {name}. Name the encoding if letters look wrong."


def _transcode(path: Path, target: Path, *, encoding: str, start_byte: int) -> int:
    """Write the file as UTF-8; return 0, or near which line its bytes do not belong to `encoding`."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1
    try:
        with path.open("rb") as file, target.open("wb") as clean:
            file.seek(start_byte)
            for chunk in _chunks(file):
                text = decoder.decode(chunk)
                lines += text.count("\n")
                clean.write(text.encode())
            clean.write(decoder.decode(b"", final=True).encode())
    except UnicodeError:
        return lines
    return 0
