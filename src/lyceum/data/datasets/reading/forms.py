"""From texts to types: which forms a column's values take, and the one type that holds them all.

The type follows from the set of forms seen in the whole file, so it does not depend on the order of the rows nor on
how the file is cut into batches. What a person should expect:

- Only an empty field is missing. In a column that otherwise holds numbers, dates, times or true/false, the usual marks
  for a missing value (`MISSING_MARKS`, and fields of spaces alone) are missing too, and a note counts them; in a column
  of text they stay the text they are.
- Whole numbers with leading zeros, or with a plus sign and seven or more digits, are identifiers (postcodes, phone
  numbers): the column stays text.
- Whole numbers beyond 64 bits stay text, so that no digit is lost, unless the column also holds decimals.
- Decimal commas are numbers where the comma does not separate the fields, and a note says so. Where every comma has
  three digits behind it as thousands have (`1,234`), or decimal points occur too, the column stays text.
- Dates and times are ISO 8601. Fractions finer than a microsecond are cut off. A time with an offset becomes UTC;
  columns with and without offsets, or with a moment outside the years 1 to 9999, stay text.
- Any other mixture stays text.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import Enum, auto

import polars as pl

from lyceum.data.datasets.reading.columns import ColumnType

MISSING_MARKS = frozenset(
    [
        *("NA", "N/A", "na", "n/a", "<NA>", "#N/A", "NaN", "nan", "NAN", "-nan", "-NaN"),
        *("NULL", "Null", "null", "None", "none", "NONE", "\\N", "?", "-", "--", ".", ""),
    ]
)

IDENTIFIER = r"^(?:[+-]?0\d|\+\d{7})"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_NAIVE = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::[0-5]\d(?:\.\d{1,9})?)?$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::[0-5]\d(?:\.\d{1,9})?)? ?(?:Z|[+-]\d{2}:?\d{2})$"
_COMMA = r"^[+-]?\d+,\d+$"
GROUPED = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
WHOLE = r"^[+-]?[0-9]+$"


class Form(Enum):
    """How one value is written."""

    WHOLE = auto()
    HUGE = auto()
    DECIMAL = auto()
    """Of a number without a decimal mark, such as `1e5` or `inf`."""
    POINT = auto()
    COMMA = auto()
    GROUPED = auto()
    """Of a number whose comma may mark thousands or decimals."""
    TRUTH = auto()
    DATE = auto()
    NAIVE = auto()
    ZONED = auto()
    BEYOND = auto()
    """Of a moment outside the years 1 to 9999, which is all that most programs can hold."""
    IDENTIFIER = auto()
    TEXT = auto()


_TYPE_OF_FORMS: list[tuple[frozenset[Form], ColumnType]] = [
    (frozenset({Form.WHOLE}), ColumnType.INTEGER),
    (frozenset({Form.WHOLE, Form.HUGE}), ColumnType.STRING),
    (frozenset({Form.WHOLE, Form.HUGE, Form.DECIMAL, Form.POINT}), ColumnType.FLOAT),
    (frozenset({Form.WHOLE, Form.HUGE, Form.DECIMAL, Form.GROUPED}), ColumnType.STRING),
    (frozenset({Form.WHOLE, Form.HUGE, Form.DECIMAL, Form.GROUPED, Form.COMMA}), ColumnType.FLOAT),
    (frozenset({Form.TRUTH}), ColumnType.BOOLEAN),
    (frozenset({Form.DATE}), ColumnType.DATE),
    (frozenset({Form.DATE, Form.NAIVE}), ColumnType.TIMESTAMP),
    (frozenset({Form.ZONED}), ColumnType.TIMESTAMP_UTC),
]


def type_of_forms(forms: Iterable[Form]) -> ColumnType | None:
    """Return the narrowest type that holds all `forms`; None when there are none yet."""
    seen = frozenset(forms)
    if not seen:
        return None
    return next((kind for holds, kind in _TYPE_OF_FORMS if seen <= holds), ColumnType.STRING)


def is_settled(forms: Iterable[Form]) -> bool:
    """Return whether a column of `forms` is text whatever else it may hold."""
    seen = frozenset(forms)
    return not any(seen <= holds for holds, kind in _TYPE_OF_FORMS if kind is not ColumnType.STRING)


def form_of(text: str, *, decimal_comma: bool = False) -> Form:
    """Return the form of one value that is neither empty nor a mark for a missing one."""
    value = text.strip(" \t")
    # before the rest, for a date before the year 1000 begins with a zero as identifiers do
    if (form := _form_of_time(value)) is not Form.TEXT:
        return form
    if re.match(IDENTIFIER, value, re.ASCII):
        return Form.IDENTIFIER
    if re.fullmatch(r"[+-]?\d+", value, re.ASCII):
        return Form.WHOLE if len(value) < 21 and -(2**63) <= int(value) < 2**63 else Form.HUGE
    if re.fullmatch(
        r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)", value, re.ASCII | re.IGNORECASE
    ):
        return Form.POINT if "." in value else Form.DECIMAL
    if decimal_comma and re.match(_COMMA, value, re.ASCII):
        return Form.GROUPED if re.match(GROUPED, value, re.ASCII) else Form.COMMA
    return Form.TRUTH if value.lower() in {"true", "false"} else Form.TEXT


def _form_of_time(value: str) -> Form:
    form = next(
        (
            form
            for pattern, form in ((_DATE, Form.DATE), (_NAIVE, Form.NAIVE), (_ZONED, Form.ZONED))
            if re.match(pattern, value, re.ASCII)
        ),
        None,
    )
    if form is None:
        return Form.TEXT
    if value.startswith("0000-"):
        return Form.BEYOND
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return Form.TEXT
    if form is Form.DATE:
        return form
    if int(value[11:13]) > 23 or int(value[14:16]) > 59:
        return Form.TEXT
    return _form_in_utc(value) if form is Form.ZONED else form


def _form_in_utc(value: str) -> Form:
    try:
        datetime.fromisoformat(re.sub(r"\.\d+| (?=Z|[+-])", "", value)).astimezone(UTC)
    except OverflowError:
        return Form.BEYOND
    except ValueError:
        return Form.TEXT
    return Form.ZONED


def parsed(name: str, kind: ColumnType, *, decimal_mark: str = ".") -> pl.Expr:
    """Return the expression that reads the text column `name` as `kind`; a value that is no `kind` becomes null.

    Numbers with another mark than `decimal_mark` become null too; with an empty one, all that have a mark.
    """
    if kind is ColumnType.STRING:
        return pl.col(name)
    text = pl.col(name).str.strip_chars(" \t")
    match kind:
        case ColumnType.INTEGER:
            value = _unless(text.str.contains(IDENTIFIER), text.cast(pl.Int64, strict=False))
        case ColumnType.FLOAT:
            points = text
            if decimal_mark != ".":
                points = _unless(text.str.contains(".", literal=True), text)
            if decimal_mark == ",":
                points = (
                    pl.when(text.str.contains(_COMMA)).then(text.str.replace(",", ".", literal=True)).otherwise(points)
                )
            number = points.cast(pl.Float64, strict=False)
            value = _unless(text.str.contains(IDENTIFIER) | number.is_nan(), number)
        case ColumnType.BOOLEAN:
            value = text.str.to_lowercase().replace_strict(
                {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
            )
        case ColumnType.DATE:
            value = _known(_only(text.str.contains(_DATE), text).str.to_date("%Y-%m-%d", strict=False))
        case _:
            value = _known(_parsed_time(text, zoned=kind is ColumnType.TIMESTAMP_UTC))
    return value.alias(name)


def _parsed_time(text: pl.Expr, *, zoned: bool) -> pl.Expr:
    clock = text.str.replace("T", " ", literal=True)
    if zoned:
        offset = text.str.extract(r"(Z|[+-]\d{2}:?\d{2})$").str.replace("Z", "+00:00", literal=True)
        wall = clock.str.replace(r" ?(?:Z|[+-]\d{2}:?\d{2})$", "")
        shaped = _only(text.str.contains(_ZONED), _with_seconds(wall) + offset)
        return shaped.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", strict=False, time_unit="us", time_zone="UTC")
    midnight = (
        pl.when(text.str.contains(_DATE)).then(clock + " 00:00:00").otherwise(_only(text.str.contains(_NAIVE), clock))
    )
    return _with_seconds(midnight).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")


def _with_seconds(clock: pl.Expr) -> pl.Expr:
    return pl.when(clock.str.len_bytes() == len("2024-01-01 10:00")).then(clock + ":00").otherwise(clock)


def _known(moment: pl.Expr) -> pl.Expr:
    return _only(moment.dt.year().is_between(1, 9999), moment)


def _unless(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(None).otherwise(value)


def _only(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(value).otherwise(None)
