"""The table to try: a file of the person's, or the packaged sample."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lyceum.walkthrough.errors import InputRefused

SAMPLE = "flights.json"
NAME_CHARS_MAX = 60
TIME_LIMIT_SECONDS_MAX = 24 * 3600
_TIME_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|)", re.ASCII)
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_MARKS = {"tab": "\t", "\\t": "\t"}
_NO_NOTES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Writing:
    """How the person says that a text is written; what is None the hub finds out."""

    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool | None = None


@dataclass(frozen=True, slots=True)
class TableToTry:
    """A file with the column to predict, and what is known about it beforehand.

    `name` is usable as a dataset's name; `leave_out` maps columns that may not be learned from to the reason.
    """

    path: Path
    target: str
    name: str
    question: str
    description: str = ""
    column_notes: Mapping[str, str] = field(default_factory=lambda: _NO_NOTES)
    leave_out: Mapping[str, str] = field(default_factory=lambda: _NO_NOTES)
    writing: Writing = field(default_factory=Writing)
    later: Path | None = None
    """Rows of the same columns that came after those of the file, in Parquet."""


def table_to_try(file: Path | None, target: str | None, writing: Writing | None = None) -> TableToTry:
    """Return the file with its target, or the sample when there is no file. Raises `InputRefused`."""
    if file is None:
        return _sample(target)
    _refuse_unreadable(file)
    if not target:
        raise InputRefused(f"Say which column of {file} to predict: lyceum try {file} --target COLUMN.")
    return TableToTry(
        path=file,
        target=target,
        name=_name_of(file),
        question=f"What is {target}?",
        writing=writing or Writing(),
    )


def read_writing(*, encoding: str | None, delimiter: str | None, no_header: bool) -> Writing:
    """Return what the options say of a text; raises `InputRefused` for a delimiter that is not one character."""
    mark = _MARKS.get(delimiter, delimiter) if delimiter is not None else None
    if mark is not None and (len(mark) != 1 or not mark.isascii()):
        raise InputRefused(f"--delimiter is {delimiter!r}; name one ASCII character, or tab.")
    return Writing(encoding=encoding, delimiter=mark, has_header=False if no_header else None)


def read_time_limit(text: str) -> float:
    """Return the seconds of `60s`, `2m`, `1h` or `60`; raises `InputRefused`."""
    found = _TIME_LIMIT.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _UNIT_SECONDS[found[2]] if found else 0.0
    if not 1 <= seconds <= TIME_LIMIT_SECONDS_MAX:
        raise InputRefused(f"--time-limit is {text!r}; write a time from one second to a day, such as 60s, 2m or 60.")
    return seconds


def _sample(target: str | None) -> TableToTry:
    folder = Path(str(resources.files("lyceum.sample")))
    facts: dict[str, Any] = json.loads((folder / SAMPLE).read_text(encoding="utf-8"))
    chosen = target or facts["target"]
    is_usual = chosen == facts["target"]
    return TableToTry(
        path=folder / facts["file"],
        target=chosen,
        name=facts["name"],
        question=facts["question"] if is_usual else f"What is {chosen}?",
        description=facts["description"],
        column_notes=facts["column_notes"],
        leave_out={column: why for column, why in facts["leave_out"].items() if is_usual and column != chosen},
        later=folder / facts["later_file"] if is_usual else None,
    )


def _refuse_unreadable(file: Path) -> None:
    if file.is_dir():
        raise InputRefused(f"{file} is a folder; give the file with the table.")
    try:
        with file.open("rb") as content:
            is_empty = not content.read(1)
    except FileNotFoundError:
        raise InputRefused(f"There is no file {file}; check the path, or leave it out to try the sample.") from None
    except OSError as error:
        raise InputRefused(f"{file} cannot be read ({error.strerror}); check its permissions.") from None
    if is_empty:
        raise InputRefused(f"{file} is empty; give a file with a header and rows.")


def _name_of(file: Path) -> str:
    """Return the file's name without its endings, in the characters an address may have."""
    stem = file.name.split(".")[0] or file.stem
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-_")[:NAME_CHARS_MAX].strip(".-_")
    return plain or "table"
