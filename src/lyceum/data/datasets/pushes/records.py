"""Reading what is pushed: the body of one request, against the columns of the version it will follow.

The same decoder reads a batch when it comes and when a version is made of it. It is made once for a set of columns, and
reads a record without a line of Python for each. Light, since the API imports it.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Literal, Protocol

import msgspec

from lyceum.data.datasets.pushes.errors import RecordsUnreadable

Form = Literal["json", "jsonl"]
Columns = tuple[tuple[str, str], ...]
"""Names and types, in order."""

CELL_CHARACTERS_MAX = 256 * 1024
"""Of a text; in UTF-8 that is at most the megabyte that a cell of an uploaded file may have."""
NAME_CHARACTERS_MAX = 255
COLUMNS_MAX = 4096
_INTEGER = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_TEXT = Annotated[str, msgspec.Meta(max_length=CELL_CHARACTERS_MAX)]
_TYPES: Mapping[str, Any] = {
    "boolean": bool,
    "integer": _INTEGER,
    "float": float,
    "string": _TEXT,
    "date": date,
    "timestamp": Annotated[datetime, msgspec.Meta(tz=False)],
    "timestamp_utc": Annotated[datetime, msgspec.Meta(tz=True)],
}
_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number of 64 bits",
    "float": "a number",
    "string": f"a text of at most {CELL_CHARACTERS_MAX:,} characters",
    "date": 'a date such as "2024-05-31"',
    "timestamp": 'a time without an offset, such as "2024-05-31T17:00:00"',
    "timestamp_utc": 'a time with an offset, such as "2024-05-31T17:00:00Z"',
}
_PLACE = re.compile(r" - at `\$\[(\d+)\](?:\.(.*)|\[\.\.\.\])?`$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.*?)`(?: - at `|$)", re.DOTALL)
_FREE: msgspec.json.Decoder[list[dict[str, Any]]] = msgspec.json.Decoder(
    list[dict[str, bool | int | float | _TEXT | None]]
)
_KEYED: msgspec.json.Decoder[list[dict[str, Any]]] = msgspec.json.Decoder(list[dict[str, Any]])
_NO_FIELD_NAME = re.compile(r'["\\\x00-\x1f]')
"""What JSON writes with a backslash; no struct has a field of such a name."""


class _Decoder(Protocol):
    def decode(self, body: bytes, /) -> list[Any]:
        """Return the records of a list in JSON."""


class _ByKeys:
    """Reads records of columns that cannot name a struct's fields: by their keys, at a line of Python for each value."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._field_of = {name: f"c{place}" for place, (name, _) in enumerate(columns)}
        self._records = list[_record_of(columns, named=False)]  # type: ignore[misc]

    def decode(self, body: bytes) -> list[Any]:
        keyed = _KEYED.decode(body)
        for number, record in enumerate(keyed, start=1):
            if not record.keys() <= self._field_of.keys():
                unknown = next(name for name in record if name not in self._field_of)
                raise _unknown_column(f"Record {number:,}", unknown)
        placed = [{self._field_of[name]: value for name, value in record.items()} for record in keyed]
        try:
            records: list[Any] = msgspec.convert(placed, self._records)
        except msgspec.ValidationError as error:
            if (found := _PLACE.search(str(error))) is None or not found[2]:
                raise
            name, _ = self._columns[int(found[2].removeprefix("c"))]
            raise _unfitting_value(f"Record {int(found[1]) + 1:,}", name, self._columns) from None
        return records


def _record_of(columns: Columns, *, named: bool) -> type[msgspec.Struct]:
    fields = [
        (f"c{place}", _TYPES[kind] | None, msgspec.field(default=None, name=name if named else None))
        for place, (name, kind) in enumerate(columns)
    ]
    return msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False)


@lru_cache(maxsize=64)
def _decoder(columns: Columns) -> _Decoder:
    """Return what reads records of these columns: one left out is missing, one that is not among them is refused."""
    if any(_NO_FIELD_NAME.search(name) for name, _ in columns):
        return _ByKeys(columns)
    return msgspec.json.Decoder(list[_record_of(columns, named=True)])  # type: ignore[misc]


def read_records(body: bytes, form: Form, columns: Columns | None) -> Sequence[Any]:
    """Return the records of a body, with a field `c0`, `c1`, … for each column; plain objects where there are none yet.

    Raises `RecordsUnreadable`, which names the first record and column that do not fit.
    """
    decoder = _decoder(columns) if columns is not None else _FREE
    try:
        records = decoder.decode(body) if form == "json" else _lines(decoder, body)
    except msgspec.ValidationError as error:
        raise _unfitting(str(error), columns) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = "a list of objects in JSON" if form == "json" else "one JSON object on each line"
        raise RecordsUnreadable(f"The body is not {what}: {error}.") from None
    except RecursionError:
        raise RecordsUnreadable("The body is nested too deeply; each value of a record stands by itself.") from None
    if not records:
        raise RecordsUnreadable("There is no record in the body; send at least one.")
    if columns is None:
        _require_names(records)
    else:
        _require_times_in_utc(records, columns)
    return records


def _require_times_in_utc(records: Sequence[Any], columns: Columns) -> None:
    """Raise for a time that with its offset lies outside the years 1 to 9999, of which there is none in UTC."""
    for place, (name, kind) in enumerate(columns):
        if kind != "timestamp_utc":
            continue
        values = map(attrgetter(f"c{place}"), records)
        for number, value in enumerate(values, start=1):
            if value is None or MINYEAR < value.year < MAXYEAR:
                continue
            try:
                value.astimezone(UTC)
            except OverflowError:
                raise RecordsUnreadable(
                    f"Record {number:,}, column {_shown(name)}: {value.isoformat()} lies outside the years 1 to 9999 in UTC."
                ) from None


def _lines(decoder: _Decoder, body: bytes) -> list[Any]:
    """Return the records of JSON Lines; an empty line is none."""
    # as one list, so that the decoder tells the place of what does not fit
    lines = [line for line in body.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        if not line.lstrip().startswith(b"{"):
            raise RecordsUnreadable(f"Line {number:,} is no JSON object; send one on each line.")
    return decoder.decode(b"[" + b",".join(lines) + b"]")


def _unfitting(told: str, columns: Columns | None) -> RecordsUnreadable:
    found = _PLACE.search(told)
    if found is None:
        return RecordsUnreadable("The body is not a list of records; send [{...}, {...}], or one object on each line.")
    where, name = f"Record {int(found[1]) + 1:,}", found[2]
    if (unknown := _UNKNOWN.search(told)) is not None:
        return _unknown_column(where, unknown[1])
    if not name:
        return RecordsUnreadable(
            f"{where} is not an object of texts, numbers, true, false and null by the names of columns."
        )
    return _unfitting_value(where, name, columns)


def _unknown_column(where: str, name: str) -> RecordsUnreadable:
    return RecordsUnreadable(
        f"{where} has {_shown(name)}, which is no column of the dataset's latest version; leave it out, or "
        "upload a version that has it."
    )


def _unfitting_value(where: str, name: str, columns: Columns | None) -> RecordsUnreadable:
    kind = dict(columns or ()).get(name)
    wanted = _WORDS[kind] if kind is not None else "a text, a number, true, false or null"
    return RecordsUnreadable(f"{where}, column {_shown(name)}: what is there is not {wanted}.")


def _require_names(records: Sequence[dict[str, Any]]) -> None:
    """Raise where a first version could not be made of the keys; the file it is made of is read as an upload is."""
    names = dict.fromkeys(name for record in records for name in record)
    if not names:
        raise RecordsUnreadable("The records have no values; name at least one.")
    if len(names) > COLUMNS_MAX:
        raise RecordsUnreadable(f"The records have {len(names):,} columns; at most {COLUMNS_MAX:,} are kept.")
    folded: dict[str, str] = {}
    for name in names:
        if not name.strip() or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
            raise RecordsUnreadable(
                f"{_shown(name)} cannot name a column; use a printable name of at most {NAME_CHARACTERS_MAX} characters."
            )
        form = unicodedata.normalize("NFC", name).casefold()
        if folded.setdefault(form, name) != name:
            raise RecordsUnreadable(
                f"The columns {_shown(folded[form])} and {_shown(name)} differ in upper and lower case or accents only; "
                "write them alike."
            )


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:39]}…")
