"""The forms seen so far of each column of a table, and what a person should know of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from lyceum.data.datasets.reading.columns import ColumnType, shown
from lyceum.data.datasets.reading.forms import (
    GROUPED,
    IDENTIFIER,
    MISSING_MARKS,
    WHOLE,
    Form,
    form_of,
    is_settled,
    parsed,
    type_of_forms,
)

CLASSIFIED_AT_ONCE_MAX = 1000
NEAR_MISS_ROWS_MIN = 20
NEAR_MISS_SHARE_MAX = 0.05
_NUMBERS = frozenset({Form.WHOLE, Form.HUGE, Form.DECIMAL, Form.POINT, Form.COMMA, Form.GROUPED})
_TIMES = frozenset({Form.ZONED, Form.NAIVE, Form.DATE, Form.BEYOND})

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

    @property
    def is_settled(self) -> bool:
        """Whether the column is text whatever is still to come."""
        return is_settled(self.forms)

    def take(self, raw: pl.Series, *, rows_before: int) -> pl.Series:
        """Return `raw` read as the column's type, widened first where `raw` asks for it."""
        while not self.is_settled:
            kind = self.type
            failing, values = self._failing(raw, kind)
            if not self.quoted:
                failing_marks = failing.str.strip_chars(" \t").is_in(list(MISSING_MARKS))
                strange = failing.filter(~failing_marks)
            else:
                failing_marks, strange = pl.Series([], dtype=pl.Boolean), failing
            if strange.is_empty():
                self.marks.update(failing.filter(failing_marks).str.strip_chars(" \t").to_list())
                return values
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
            why = self._why_text()
            return [f"Column {shown(self.name)} holds {why}."] if why else [self.near_miss] if self.near_miss else []
        if kind is None:
            return []
        commas = Form.COMMA in self.forms and kind is ColumnType.FLOAT
        return [f"Column {shown(self.name)} is read with decimal commas, so 1,5 is one and a half."] * commas + [
            f"Column {shown(self.name)}: {_counted(count)} {shown(mark) if mark else 'of spaces alone'} read as missing, "
            f"because the other values are {_MANY[kind]}."
            for mark, count in sorted(self.marks.items())
        ]

    def parsed(self) -> pl.Expr:
        """Return the expression that reads the column as its type is now."""
        return parsed(self.name, self.type or ColumnType.STRING, decimal_mark=self._decimal_mark)

    @property
    def _decimal_mark(self) -> str:
        if not self.decimal_comma or Form.POINT in self.forms:
            return "."
        return "," if Form.COMMA in self.forms else ""

    def _why_text(self) -> str | None:
        if self.forms <= {Form.HUGE, Form.WHOLE}:
            return "whole numbers beyond 64 bits; kept as text so no digit is lost"
        if self.forms <= _NUMBERS - {Form.POINT}:
            return "numbers such as 1,234, whose comma may mark thousands or decimals; kept as text"
        if self.forms <= _NUMBERS:
            return "numbers with commas and numbers with decimal points; kept as text"
        if self.forms <= _TIMES and Form.BEYOND in self.forms:
            return "moments outside the years 1 to 9999 in UTC; kept as text"
        if self.forms & _TIMES > {Form.ZONED} and Form.TEXT not in self.forms:
            return "times with and without an offset; kept as text"
        return None

    def _failing(self, raw: pl.Series, kind: ColumnType | None) -> tuple[pl.Series, pl.Series]:
        """Return the values that may change the type, and `raw` as the type reads it now."""
        if kind is None:
            return raw.drop_nulls(), raw
        if kind is not ColumnType.STRING:
            values = self._read(raw, kind)
            return raw.filter(values.is_null() & raw.is_not_null()), values
        text = raw.str.strip_chars(" \t")
        if Form.DECIMAL in self.forms:
            # text for now, because of its commas: `1e5` and `inf` are no more of a surprise than `5`
            familiar = self._read(raw, ColumnType.FLOAT).is_not_null()
        else:
            familiar = text.str.contains(WHOLE) & ~text.str.contains(IDENTIFIER)
        if Form.GROUPED in self.forms:
            familiar |= text.str.contains(GROUPED)
        return raw.filter(~familiar & raw.is_not_null()), raw

    def _read(self, raw: pl.Series, kind: ColumnType) -> pl.Series:
        return raw.to_frame().select(parsed(raw.name, kind, decimal_mark=self._decimal_mark)).to_series()

    def _widen(self, raw: pl.Series, strange: list[str], rows_before: int) -> None:
        new = {form_of(text, decimal_comma=self.decimal_comma) for text in strange}
        if self.quoted:
            new = {form if form in _TIMES else Form.TEXT for form in new}
        if new <= self.forms:
            new = {Form.TEXT}
        if type_of_forms(self.forms | new) is ColumnType.STRING and self.near_miss is None:
            self.near_miss = self._near_miss(raw, new, rows_before)
        self.forms |= new

    def _near_miss(self, raw: pl.Series, new: set[Form], rows_before: int) -> str | None:
        """Say whose value made the column text, when nearly all values before it were something else.

        The value is not told: the note is read by whoever sees the version, and the column may be a marked one.
        """
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
            f"Column {shown(self.name)} is kept as text, because the value of row {rows_before + place + 1:,} is not "
            f"{_ONE[kind]} as nearly all its other values are."
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
            if not column.is_settled
            and (column.type in {None, ColumnType.STRING} or typed[name].null_count() > raw[name].null_count())
        ]
        self._rows += raw.height
        return typed.with_columns(widened)

    def read(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the text frame `raw` read with the types as they are; what has another form becomes null."""
        return raw.select(column.parsed() for column in self._columns.values())

    def notes(self) -> list[str]:
        """Return what a person should know about how the columns were understood, in column order."""
        return [note for column in self._columns.values() for note in column.notes()]


def _counted(values: int) -> str:
    return "1 value" if values == 1 else f"{values:,} values"
