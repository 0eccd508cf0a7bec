"""Values by names as a table's columns: what fits is kept as it is, what does not is told of with its reason.

A field that is no column becomes one where the stream lets its columns grow, and a column of whole numbers becomes one of
decimals where the messages say so. Everything else that does not fit is a message that is no row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from lyceum.data.streams.decoded import Decoded
from lyceum.data.streams.work import NewFields

TEXT_CHARACTERS_MAX = 256 * 1024
NAME_CHARACTERS_MAX = 255
COLUMNS_MAX = 4096
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1
_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number of 64 bits",
    "float": "a number",
    "string": f"a text of at most {TEXT_CHARACTERS_MAX:,} characters",
    "date": 'a date such as "2024-05-31"',
    "timestamp": 'a time without an offset, such as "2024-05-31T17:00:00"',
    "timestamp_utc": 'a time with an offset, such as "2024-05-31T17:00:00Z"',
}
_KIND_OF: Mapping[type, str] = {bool: "boolean", int: "integer", float: "float"}


class Unfit(Exception):
    """A value does not fit its column, or has none; the text is a sentence for a person."""


@dataclass(slots=True)
class Columns:
    """The columns of a version, and what messages may add to them."""

    kinds: dict[str, str]
    new_fields: NewFields
    _folded: dict[str, str] = field(default_factory=dict)
    _is_first: bool = False

    @classmethod
    def of(cls, columns: Sequence[tuple[str, str]] | None, new_fields: NewFields) -> "Columns":
        """Return the columns of a version; of none for the first, which takes those of its messages in any case."""
        kinds = dict(columns or ())
        made = cls(kinds, "add" if columns is None else new_fields, _is_first=columns is None)
        made._folded = {name.casefold(): name for name in kinds}
        return made

    def fitted(self, message: Decoded) -> dict[str, Any]:
        """Return a message's values as those of columns, which grow by what it brings; raises `Unfit`.

        Nothing grows for a message that does not fit.
        """
        grown = self._growth(message)
        fitted: dict[str, Any] = {}
        for name, value in message.values.items():
            if value is None:
                continue
            kind = grown.get(name) or self.kinds.get(name)
            if kind is None:
                raise Unfit(f"The message has {_shown(name)}, which is no column of the dataset.")
            fitted[name] = _FIT[kind](name, value)
        if not fitted and not self.kinds and not grown:
            raise Unfit("The message has no values, and the dataset no columns yet.")
        self.kinds.update(grown)
        self._folded.update({name.casefold(): name for name in grown})
        return fitted

    def _growth(self, message: Decoded) -> dict[str, str]:
        """Return the columns that a message adds or widens."""
        grown: dict[str, str] = {}
        said: Iterable[tuple[str, str | None]]
        if message.kinds is None:
            said = ((name, _kind_of(value)) for name, value in message.values.items() if value is not None)
        else:
            said = message.kinds.items()
        for name, kind in said:
            before = self.kinds.get(name)
            if before is None:
                self._refuse_new(name, grown)
                grown[name] = kind or "string"
            elif before == "integer" and kind == "float" and self.new_fields == "add":
                grown[name] = "float"
        return grown

    def _refuse_new(self, name: str, grown: Mapping[str, str]) -> None:
        if self.new_fields != "add":
            raise Unfit(
                f"The message has {_shown(name)}, which is no column of the dataset; add the column by a new version, or let the "
                "stream add what is new."
            )
        if not name.strip() or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
            raise Unfit(f"{_shown(name)} cannot name a column.")
        twin = self._folded.get(name.casefold()) or next(
            (one for one in grown if one.casefold() == name.casefold()), None
        )
        if twin is not None:
            raise Unfit(f"{_shown(name)} and the column {_shown(twin)} differ in upper and lower case only.")
        if len(self.kinds) + len(grown) >= COLUMNS_MAX:
            raise Unfit(f"With {_shown(name)} the dataset would have more than {COLUMNS_MAX:,} columns.")


def _kind_of(value: Any) -> str:
    return _KIND_OF.get(type(value), "string")


def _boolean(name: str, value: Any) -> bool:
    if type(value) is bool:
        return value
    raise _unfit(name, "boolean")


def _integer(name: str, value: Any) -> int:
    if type(value) is int and _INTEGER_MIN <= value <= _INTEGER_MAX:
        return value
    raise _unfit(name, "integer")


def _float(name: str, value: Any) -> float:
    if type(value) is float or type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    raise _unfit(name, "float")


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict | list):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, str) and len(value) <= TEXT_CHARACTERS_MAX:
        return value
    raise _unfit(name, "string")


def _date(name: str, value: Any) -> date:
    if isinstance(value, str):
        value = _read(name, "date", value, date)
    if type(value) is date:
        return value
    raise _unfit(name, "date")


def _timestamp(name: str, value: Any) -> datetime:
    if isinstance(value, str):
        value = _read(name, "timestamp", value, datetime)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value
    raise _unfit(name, "timestamp")


def _timestamp_utc(name: str, value: Any) -> datetime:
    if isinstance(value, str):
        value = _read(name, "timestamp_utc", value, datetime)
    if isinstance(value, datetime) and value.tzinfo is not None:
        try:
            return value.astimezone(UTC)
        except OverflowError:
            pass
    raise _unfit(name, "timestamp_utc")


_FIT: Mapping[str, Callable[[str, Any], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "float": _float,
    "string": _text,
    "date": _date,
    "timestamp": _timestamp,
    "timestamp_utc": _timestamp_utc,
}


def _read(name: str, kind: str, text: str, wanted: type) -> Any:
    try:
        return msgspec.convert(text, wanted)
    except msgspec.ValidationError:
        raise _unfit(name, kind) from None


def _unfit(name: str, kind: str) -> Unfit:
    return Unfit(f"What is in {_shown(name)} is not {_WORDS[kind]}.")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:39]}…")
