"""How one cell is read. Rows and frames share these rules, so that they cannot drift apart."""

import datetime as dt
import math
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from lyceum.serve.runtime.spec import BooleanColumn, CategoryColumn, Column, NumberColumn, TimeColumn

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic, zones are resolved before
_MICROSECOND = dt.timedelta(microseconds=1)


class Unreadable(Exception):
    """The value does not fit; the caller knows the row and the column."""


def expected_text(column: Column) -> str:
    """What a person should have written in this column."""
    match column:
        case NumberColumn():
            return "a number"
        case BooleanColumn():
            return "true or false"
        case CategoryColumn():
            return "a text"
        case TimeColumn(date_only=True, formats=()):
            return "a date such as 2024-05-31"
        case TimeColumn(formats=()):
            return "a timestamp such as 2024-05-31T14:30:00"
        case TimeColumn():
            return f"a date or timestamp such as {column.example or column.formats[0]}"


def number_from(value: object) -> float | None:
    """The value as a float, None when it is missing (None, NaN, blank text); raises Unreadable."""
    match plain(value):
        case None:
            return None
        case bool() | int() | float() | Decimal() as number:
            return _finite_or_missing(number)
        case str() as text:
            return _number_in(text)
        case dt.timedelta() as duration:
            return duration.total_seconds()
        case dt.time() as time:
            return time.hour * 3600.0 + time.minute * 60.0 + time.second + time.microsecond / 1e6
        case _:
            raise Unreadable


def boolean_from(value: object) -> bool | None:
    """The value as a bool, None when it is missing; 0/1 and yes/no in any case are understood; raises Unreadable."""
    match plain(value):
        case None:
            return None
        case bool() as known:
            return known
        case int() | float() | Decimal() as number:
            if number != number:  # noqa: PLR0124 - NaN, for every numeric type
                return None
            if number in {0, 1}:
                return bool(number)
            raise Unreadable
        case str() as text:
            return _boolean_in(text)
        case _:
            raise Unreadable


def category_from(value: object, *, trimmed: bool) -> str | None:
    """The value as a text, None when it is missing; raises Unreadable for lists and objects."""
    match plain(value):
        case None:
            return None
        case str() as text:
            if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
                raise Unreadable  # half of a surrogate pair is no text in any file or tensor
            return text.strip() if trimmed else text
        case bool() as known:
            return "true" if known else "false"
        case int() as number:
            return str(number)
        case float() | Decimal() as number:
            return None if number != number else str(number)  # noqa: PLR0124 - NaN
        case dt.date() | dt.time() as moment:
            return moment.isoformat()
        case _:
            raise Unreadable


def moment_from(value: object, column: TimeColumn) -> dt.datetime | None:
    """The wall-clock moment without a zone, None when it is missing; raises Unreadable."""
    match plain(value):
        case None:
            return None
        case dt.datetime() as moment:
            return _to_wall(moment, column.time_zone)
        case dt.date() as day:
            return dt.datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall clock on purpose
        case float() as number if math.isnan(number):
            return None
        case str() as text:
            return _moment_in(text.strip(), column)
        case _:
            raise Unreadable


def time_parts(moment: dt.datetime | None, column: TimeColumn) -> tuple[float, ...]:
    """The numbers of `column.parts`: days since 1970, calendar fields, hours with their fraction; NaN when missing."""
    if moment is None:
        return (math.nan,) * len(column.parts)
    return tuple(_part(moment, part) for part in column.parts)


def plain(value: object) -> object:
    """A numpy scalar as its Python value; everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _part(moment: dt.datetime, part: str) -> float:
    match part:
        case "days":
            # through float first, as the frame does: integer division would round once less
            return float((moment - _EPOCH) // _MICROSECOND) / 86_400_000_000
        case "weekday":
            return float(moment.weekday())
        case "yearday":
            return float(moment.timetuple().tm_yday)
        case "hour":
            return moment.hour + moment.minute / 60 + moment.second / 3600
        case _:
            return float(getattr(moment, part))


def _finite_or_missing(number: float | Decimal) -> float | None:
    try:
        as_float = float(number)
    except OverflowError:
        raise Unreadable from None
    return None if math.isnan(as_float) else as_float


def _number_in(text: str) -> float | None:
    bare = text.strip()
    if not bare:
        return None
    if _NUMBER.fullmatch(bare) is None:
        raise Unreadable
    return float(bare)


def _boolean_in(text: str) -> bool | None:
    bare = text.strip().lower()
    if not bare:
        return None
    if bare in _TRUE:
        return True
    if bare in _FALSE:
        return False
    raise Unreadable


def _moment_in(text: str, column: TimeColumn) -> dt.datetime | None:
    if not text:
        return None
    try:
        return _to_wall(dt.datetime.fromisoformat(text), column.time_zone)
    except ValueError:
        pass
    for pattern in column.formats:
        try:
            return _to_wall(dt.datetime.strptime(text, pattern), column.time_zone)  # noqa: DTZ007 - naive stays naive
        except ValueError:
            continue
    raise Unreadable


def _to_wall(moment: dt.datetime, time_zone: str | None) -> dt.datetime:
    if moment.tzinfo is None:
        return moment
    zone: dt.tzinfo = ZoneInfo(time_zone) if time_zone else dt.UTC
    try:
        return moment.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise Unreadable from None
