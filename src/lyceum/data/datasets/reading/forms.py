"""From texts to types: which forms a column's values take, and the one type that holds them all.

The type follows from the set of forms seen in the whole file, so it does not depend on the order of the rows nor on
how the file is cut into batches. What a person should expect:

- Only an empty field is missing. In a column that otherwise holds numbers, dates, times or true/false, the usual marks
  for a missing value (`MISSING_MARKS`, and fields of spaces alone) are missing too, and a note counts them; in a column
  of text they stay the text they are.
- Whole numbers with leading zeros, or with a plus sign and seven or more digits, are identifiers (postcodes, phone
  numbers): the column stays text.
- Whole numbers beyond 64 bits stay text, so that no digit is lost, unless the column also holds decimals.
- Decimal commas are numbers where the comma does not separate the fields.
- Dates and times are ISO 8601. Fractions finer than a microsecond are cut off. A time with an offset becomes UTC;
  columns with and without offsets stay text.
- Any other mixture stays text.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto

import polars as pl

from lyceum.data.datasets.reading.columns import ColumnType, shown

MISSING_MARKS = frozenset(
    [
        *("NA", "N/A", "na", "n/a", "<NA>", "#N/A", "NaN", "nan", "NAN", "-nan", "-NaN"),
        *("NULL", "Null", "null", "None", "none", "NONE", "\\N", "?", "-", "--", ".", ""),
    ]
)
CLASSIFIED_AT_ONCE_MAX = 1000
NEAR_MISS_ROWS_MIN = 20
NEAR_MISS_SHARE_MAX = 0.05

_IDENTIFIER = r"^(?:[+-]?0\d|\+\d{7})"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_NAIVE = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::[0-5]\d(?:\.\d{1,9})?)?$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::[0-5]\d(?:\.\d{1,9})?)? ?(?:Z|[+-]\d{2}:?\d{2})$"
_COMMA = r"^[+-]?\d+,\d+$"


class Form(Enum):
    """How one value is written."""

    WHOLE = auto()
    HUGE = auto()
    DECIMAL = auto()
    TRUTH = auto()
    DATE = auto()
    NAIVE = auto()
    ZONED = auto()
    IDENTIFIER = auto()
    TEXT = auto()


_TYPE_OF_FORMS: list[tuple[frozenset[Form], ColumnType]] = [
    (frozenset({Form.WHOLE}), ColumnType.INTEGER),
    (frozenset({Form.WHOLE, Form.HUGE}), ColumnType.STRING),
    (frozenset({Form.WHOLE, Form.HUGE, Form.DECIMAL}), ColumnType.FLOAT),
    (frozenset({Form.TRUTH}), ColumnType.BOOLEAN),
    (frozenset({Form.DATE}), ColumnType.DATE),
    (frozenset({Form.DATE, Form.NAIVE}), ColumnType.TIMESTAMP),
    (frozenset({Form.ZONED}), ColumnType.TIMESTAMP_UTC),
]

_ONE = {
    ColumnType.BOOLEAN: "true or false",
    ColumnType.INTEGER: "a whole number",
    ColumnType.FLOAT: "a number",
    ColumnType.DATE: "a date",
    ColumnType.TIMESTAMP: "a time",
    ColumnType.TIMESTAMP_UTC: "a time with an offset",
}
_MANY = {
    ColumnType.BOOLEAN: "true or false",
    ColumnType.INTEGER: "whole numbers",
    ColumnType.FLOAT: "numbers",
    ColumnType.DATE: "dates",
    ColumnType.TIMESTAMP: "times",
    ColumnType.TIMESTAMP_UTC: "times with an offset",
}


def type_of_forms(forms: Iterable[Form]) -> ColumnType | None:
    """Return the narrowest type that holds all `forms`; None when there are none yet."""
    seen = frozenset(forms)
    if not seen:
        return None
    return next((kind for holds, kind in _TYPE_OF_FORMS if seen <= holds), ColumnType.STRING)


def form_of(text: str, *, decimal_comma: bool = False) -> Form:
    """Return the form of one value that is neither empty nor a mark for a missing one."""
    value = text.strip(" \t")
    # before the rest, for a date before the year 1000 begins with a zero as identifiers do
    if (form := _form_of_time(value)) is not Form.TEXT:
        return form
    if re.match(_IDENTIFIER, value, re.ASCII):
        return Form.IDENTIFIER
    if re.fullmatch(r"[+-]?\d+", value, re.ASCII):
        return Form.WHOLE if len(value) < 21 and -(2**63) <= int(value) < 2**63 else Form.HUGE
    if re.fullmatch(
        r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)", value, re.ASCII | re.IGNORECASE
    ):
        return Form.DECIMAL
    if decimal_comma and re.match(_COMMA, value, re.ASCII):
        return Form.DECIMAL
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
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return Form.TEXT
    if form is Form.DATE:
        return form
    return form if int(value[11:13]) < 24 and int(value[14:16]) < 60 else Form.TEXT


def parsed(name: str, kind: ColumnType, *, decimal_comma: bool = False) -> pl.Expr:
    """Return the expression that reads the text column `name` as `kind`; a value that is no `kind` becomes null."""
    if kind is ColumnType.STRING:
        return pl.col(name)
    text = pl.col(name).str.strip_chars(" \t")
    match kind:
        case ColumnType.INTEGER:
            value = _unless(text.str.contains(_IDENTIFIER), text.cast(pl.Int64, strict=False))
        case ColumnType.FLOAT:
            points = text
            if decimal_comma:
                points = (
                    pl.when(text.str.contains(_COMMA)).then(text.str.replace(",", ".", literal=True)).otherwise(text)
                )
            number = points.cast(pl.Float64, strict=False)
            value = _unless(text.str.contains(_IDENTIFIER) | number.is_nan(), number)
        case ColumnType.BOOLEAN:
            value = text.str.to_lowercase().replace_strict(
                {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
            )
        case ColumnType.DATE:
            value = _only(text.str.contains(_DATE), text).str.to_date("%Y-%m-%d", strict=False)
        case _:
            value = _parsed_time(text, zoned=kind is ColumnType.TIMESTAMP_UTC)
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


def _unless(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(None).otherwise(value)


def _only(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(value).otherwise(None)


@dataclass(slots=True)
class ColumnForms:
    """What has been seen of one column so far."""

    name: str
    decimal_comma: bool = False
    quoted: bool = False
    """The values were written as strings in a format that has types: only times are read from them."""
    forms: set[Form] = field(default_factory=set)
    marks: Counter[str] = field(default_factory=Counter)
    near_miss: str | None = None

    @property
    def type(self) -> ColumnType | None:
        """The narrowest type for all values so far; None while there are none."""
        return type_of_forms(self.forms)

    def take(self, raw: pl.Series, *, rows_before: int) -> pl.Series:
        """Return `raw` read as the column's type, widened first where `raw` asks for it."""
        while (kind := self.type) is not ColumnType.STRING:
            values = self._read(raw, kind)
            failing = raw.filter(values.is_null() & raw.is_not_null())
            if not self.quoted:
                failing_marks = failing.str.strip_chars(" \t").is_in(list(MISSING_MARKS))
                strange = failing.filter(~failing_marks)
            else:
                failing_marks, strange = pl.Series([], dtype=pl.Boolean), failing
            if strange.is_empty():
                self.marks.update(failing.filter(failing_marks).str.strip_chars(" \t").to_list())
                return raw if kind is None else values
            self._widen(raw, strange.unique(maintain_order=True).head(CLASSIFIED_AT_ONCE_MAX).to_list(), rows_before)
        return raw

    def declare_text(self, reason: str | None) -> None:
        """Make the column text for good, with the sentence that says why."""
        self.forms.add(Form.TEXT)
        self.near_miss = self.near_miss or reason

    def notes(self) -> list[str]:
        """Return the sentences a person should read about how this column was understood."""
        kind = self.type
        if kind is None and not self.marks:
            return [f"Column {shown(self.name)} is empty; it is kept as text."]
        if kind is ColumnType.STRING:
            if Form.HUGE in self.forms and self.forms <= {Form.HUGE, Form.WHOLE}:
                return [
                    f"Column {shown(self.name)} holds whole numbers beyond 64 bits; kept as text so no digit is lost."
                ]
            if Form.ZONED in self.forms and self.forms & {Form.NAIVE, Form.DATE} and Form.TEXT not in self.forms:
                return [f"Column {shown(self.name)} holds times with and without an offset; kept as text."]
            return [self.near_miss] if self.near_miss else []
        if kind is None:
            return []
        return [
            f"Column {shown(self.name)}: {_counted(count)} {shown(mark) if mark else 'of spaces alone'} read as missing, "
            f"because the other values are {_MANY[kind]}."
            for mark, count in sorted(self.marks.items())
        ]

    def _read(self, raw: pl.Series, kind: ColumnType | None) -> pl.Series:
        if kind is None:
            return pl.Series(raw.name, [None], dtype=pl.String).new_from_index(0, len(raw))
        return raw.to_frame().select(parsed(raw.name, kind, decimal_comma=self.decimal_comma)).to_series()

    def _widen(self, raw: pl.Series, strange: list[str], rows_before: int) -> None:
        new = {form_of(text, decimal_comma=self.decimal_comma) for text in strange}
        if self.quoted:
            new = {form if form in {Form.DATE, Form.NAIVE, Form.ZONED} else Form.TEXT for form in new}
        if new <= self.forms:
            new = {Form.TEXT}
        if type_of_forms(self.forms | new) is ColumnType.STRING and self.near_miss is None:
            self.near_miss = self._near_miss(raw, new, rows_before)
        self.forms |= new

    def _near_miss(self, raw: pl.Series, new: set[Form], rows_before: int) -> str | None:
        """Say which value made the column text, when nearly all values before it were something else."""
        kind = type_of_forms(self.forms or new - {Form.TEXT, Form.IDENTIFIER})
        if kind is None or kind is ColumnType.STRING:
            return None
        values = self._read(raw, kind)
        odd = values.is_null() & raw.is_not_null() & ~raw.str.strip_chars(" \t").is_in(list(MISSING_MARKS))
        filled = len(raw) - raw.null_count()
        if filled < NEAR_MISS_ROWS_MIN or (odd.sum() or 0) > NEAR_MISS_SHARE_MAX * filled:
            return None
        place = odd.arg_max() or 0
        return (
            f"Column {shown(self.name)} is kept as text, because row {rows_before + place + 1:,} holds "
            f"{shown(str(raw[place]))}, which is not {_ONE[kind]} as nearly all its other values are."
        )


class TableForms:
    """The forms of all columns of one table, fed batch by batch in row order."""

    def __init__(self, names: Iterable[str], *, decimal_comma: bool = False, quoted: bool = False) -> None:
        self._decimal_comma = decimal_comma
        self._quoted = quoted
        self._columns: dict[str, ColumnForms] = {}
        self._rows = 0
        for name in names:
            self.add(name)

    def add(self, name: str) -> ColumnForms:
        """Return the column `name`, added as the last one when it is new."""
        if name not in self._columns:
            self._columns[name] = ColumnForms(name, decimal_comma=self._decimal_comma, quoted=self._quoted)
        return self._columns[name]

    @property
    def types(self) -> dict[str, ColumnType]:
        """The types by column name, in order; a column with no values is text."""
        return {name: column.type or ColumnType.STRING for name, column in self._columns.items()}

    def take(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the text frame `raw` read with the types as they are after it."""
        typed = self.read(raw)
        widened = [
            column.take(raw[name], rows_before=self._rows)
            for name, column in self._columns.items()
            if column.type is None or typed[name].null_count() > raw[name].null_count()
        ]
        self._rows += raw.height
        return typed.with_columns(widened)

    def read(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the text frame `raw` read with the types as they are; what has another form becomes null."""
        return raw.select(parsed(name, kind, decimal_comma=self._decimal_comma) for name, kind in self.types.items())

    def notes(self) -> list[str]:
        """Return what a person should know about how the columns were understood, in column order."""
        return [note for column in self._columns.values() for note in column.notes()]


def _counted(values: int) -> str:
    return "1 value" if values == 1 else f"{values:,} values"
