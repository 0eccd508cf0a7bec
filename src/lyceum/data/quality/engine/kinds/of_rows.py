"""Checks that a row passes or fails by itself."""

from typing import Literal

from lyceum.data.quality.engine.expressions import names_in, parse_expression
from lyceum.data.quality.engine.kinds.shared import (
    ColumnCheck,
    RowCheck,
    Scalar,
    all_finite,
    is_above,
    require_bounds,
)
from lyceum.data.quality.engine.patterns import require_pattern

SET_VALUES_MAX = 10_000
Readable = Literal["integer", "float", "boolean", "date", "timestamp"]


class NotNull(ColumnCheck, frozen=True, kw_only=True, tag="not_null"):
    """No value of the column is missing (null, or NaN in a column of floats)."""

    def _own_id(self) -> str:
        return f"{self.column}.not_null"


class Range(ColumnCheck, frozen=True, kw_only=True, tag="range"):
    """Every value lies between `min` and `max`; dates and times are given as ISO texts. Missing values are not checked."""

    min: float | int | str | None = None
    max: float | int | str | None = None
    min_inclusive: bool = True
    max_inclusive: bool = True

    def _require_sense(self) -> None:
        super()._require_sense()
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if not all_finite(self.min, self.max):
            raise ValueError("min and max are finite; leave out the end that is open")
        if isinstance(self.min, str) is not isinstance(self.max, str) and None not in {self.min, self.max}:
            raise ValueError("min and max are both numbers or both dates")
        if is_above(self.min, self.max):
            raise ValueError(f"min {self.min} is above max {self.max}")

    def _own_id(self) -> str:
        return f"{self.column}.range"


class InSet(ColumnCheck, frozen=True, kw_only=True, tag="in_set"):
    """Every value is one of `values`. Missing values are not checked."""

    values: tuple[Scalar, ...]

    def _require_sense(self) -> None:
        super()._require_sense()
        if not 0 < len(self.values) <= SET_VALUES_MAX:
            raise ValueError(f"values holds between 1 and {SET_VALUES_MAX:,} values")
        if not all_finite(*self.values):
            raise ValueError("values are finite, for JSON has no other numbers")

    def _own_id(self) -> str:
        return f"{self.column}.in_set"


class Length(ColumnCheck, frozen=True, kw_only=True, tag="length"):
    """Every text has between `min` and `max` characters (code points). Missing values are not checked."""

    min: int | None = None
    max: int | None = None

    def _require_sense(self) -> None:
        super()._require_sense()
        require_bounds(self.min, self.max)

    def _own_id(self) -> str:
        return f"{self.column}.length"


class Regex(ColumnCheck, frozen=True, kw_only=True, tag="regex"):
    """Every text holds a place that `pattern` fits; anchor it with ^ and $ to fit the whole text.

    The pattern has RE2's syntax: no look-around and no back references, so that the time is linear in the text.
    With `forbidden` no text may hold such a place. Missing values are not checked.
    """

    pattern: str
    forbidden: bool = False

    def _require_sense(self) -> None:
        super()._require_sense()
        require_pattern(self.pattern)

    def _own_id(self) -> str:
        return f"{self.column}.regex"


class Type(ColumnCheck, frozen=True, kw_only=True, tag="type"):
    """Every value is of the type, or is a text that has the form of one (ISO 8601 for dates and times).

    A whole number is a float too. A column of another type fails in every row. Missing values are not checked.
    """

    type: Readable

    def _own_id(self) -> str:
        return f"{self.column}.type"


class CrossColumn(RowCheck, frozen=True, kw_only=True, tag="cross_column"):
    """`left` compares with `right` as `operator` says, in every row where neither is missing."""

    left: str
    operator: Literal["<", "<=", "==", "!=", ">=", ">"]
    right: str

    def _own_id(self) -> str:
        return f"{self.left}{self.operator}{self.right}"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.left, self.right)


class Conditional(RowCheck, frozen=True, kw_only=True, tag="conditional"):
    """Where `when` is true, `then` is true too: `country == 'US'`, `state is not None`.

    Rows where `when` or `then` is neither true nor false, for a value is missing, are not checked.
    """

    when: str
    then: str

    def _require_sense(self) -> None:
        super()._require_sense()
        parse_expression(self.when)
        parse_expression(self.then)

    def _own_id(self) -> str:
        return f"{'+'.join(self.subjects()) or 'table'}.conditional"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return tuple(dict.fromkeys((*names_in(self.when), *names_in(self.then))))


class Expression(RowCheck, frozen=True, kw_only=True, tag="expression"):
    """The expression is true in every row: `total == net + tax and (state is not None or country != 'US')`.

    Rows where it is neither true nor false, for a value is missing, are not checked.
    """

    expression: str

    def _require_sense(self) -> None:
        super()._require_sense()
        parse_expression(self.expression)

    def _own_id(self) -> str:
        return f"{'+'.join(self.subjects()) or 'table'}.expression"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return names_in(self.expression)
