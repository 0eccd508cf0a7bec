"""Checks as data: what is asked of a table, in JSON and back, with errors a person can act on."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal

import msgspec

from lyceum.data.quality.engine.schema import TableSchema
from lyceum.kernel.problems import Invalid

Severity = Literal["error", "warning"]
Scalar = bool | int | float | str
SET_VALUES_MAX = 10_000


class InvalidCheck(Invalid):
    """A check that says nothing that can be run; the text says which one and why."""

    title = "The check cannot be used"
    code = "invalid_check"


class _Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all checks share. An `error` that fails refuses the data; a `warning` only tells."""

    id: str = ""
    severity: Severity = "error"

    def __post_init__(self) -> None:
        self._require_sense()
        if not self.id:
            msgspec.structs.force_setattr(self, "id", self._own_id())

    def _require_sense(self) -> None:
        """Raise ValueError with what is wrong, in words that follow the check's name."""

    def _own_id(self) -> str:
        raise NotImplementedError

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return ()


class _RowCheck(_Check, frozen=True, kw_only=True):
    """A check every row passes or fails; it tolerates a share of failing rows."""

    at_most_failing: float = 0.0
    """The tolerated share of failing rows among the rows checked, 0 to 1."""

    def _require_sense(self) -> None:
        if not 0 <= self.at_most_failing <= 1:
            raise ValueError(f"at_most_failing is a share between 0 and 1, not {self.at_most_failing:g}")


class NotNull(_RowCheck, frozen=True, kw_only=True, tag="not_null"):
    """No value of the column is missing (null, or NaN in a column of floats)."""

    column: str

    def _own_id(self) -> str:
        return f"{self.column}.not_null"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class Unique(_RowCheck, frozen=True, kw_only=True, tag="unique"):
    """No two rows have the same values in `columns`; rows where one of them is missing are not compared.

    Failing rows are the surplus ones: those that would have to go for the rest to be unique.
    """

    columns: tuple[str, ...]

    def _require_sense(self) -> None:
        super()._require_sense()
        if not self.columns or len(set(self.columns)) < len(self.columns):
            raise ValueError("columns names each column once, and at least one")

    def _own_id(self) -> str:
        return f"{'+'.join(self.columns)}.unique"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return self.columns


class Range(_RowCheck, frozen=True, kw_only=True, tag="range"):
    """Every value lies between `min` and `max`; dates and times are given as ISO texts. Missing values are not checked."""

    column: str
    min: float | int | str | None = None
    max: float | int | str | None = None
    min_inclusive: bool = True
    max_inclusive: bool = True

    def _require_sense(self) -> None:
        super()._require_sense()
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if not _all_finite(self.min, self.max):
            raise ValueError("min and max are finite; leave out the end that is open")
        if isinstance(self.min, str) is not isinstance(self.max, str) and None not in {self.min, self.max}:
            raise ValueError("min and max are both numbers or both dates")
        if _is_above(self.min, self.max):
            raise ValueError(f"min {self.min} is above max {self.max}")

    def _own_id(self) -> str:
        return f"{self.column}.range"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class InSet(_RowCheck, frozen=True, kw_only=True, tag="in_set"):
    """Every value is one of `values`. Missing values are not checked."""

    column: str
    values: tuple[Scalar, ...]

    def _require_sense(self) -> None:
        super()._require_sense()
        if not 0 < len(self.values) <= SET_VALUES_MAX:
            raise ValueError(f"values holds between 1 and {SET_VALUES_MAX:,} values")
        if not _all_finite(*self.values):
            raise ValueError("values are finite, for JSON has no other numbers")

    def _own_id(self) -> str:
        return f"{self.column}.in_set"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class RowCount(_Check, frozen=True, kw_only=True, tag="row_count"):
    """The table has at least `min` and at most `max` rows."""

    min: int | None = None
    max: int | None = None

    def _require_sense(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:,} is above max {self.max:,}")
        if min(bound for bound in (self.min, self.max) if bound is not None) < 0:
            raise ValueError("a count is not below zero")

    def _own_id(self) -> str:
        return "row_count"


def _is_above(low: float | str | None, high: float | str | None) -> bool:
    """Return whether `low` is beyond `high`; False for what cannot be compared, which the run tells of."""
    if isinstance(low, str) and isinstance(high, str):
        try:
            return datetime.fromisoformat(low) > datetime.fromisoformat(high)
        except (ValueError, TypeError):
            return False
    if low is None or high is None or isinstance(low, str) or isinstance(high, str):
        return False
    return low > high


def _all_finite(*values: Scalar | None) -> bool:
    return all(isfinite(value) for value in values if isinstance(value, float))


Check = NotNull | Unique | Range | InSet | RowCount
KINDS: dict[str, type[Check]] = {
    "not_null": NotNull,
    "unique": Unique,
    "range": Range,
    "in_set": InSet,
    "row_count": RowCount,
}


def checks_from_plain(plain: Any, *, schema: TableSchema | None = None, first_place: int = 1) -> tuple[Check, ...]:
    """Return the checks of a list of JSON-like objects.

    Ids that repeat get a number. With `schema`, the columns must be in it. `first_place` is the number that refusals call
    the first one by. Raises InvalidCheck for an unknown kind,
    column or field, a wrong type, or bounds that make no sense, each in one sentence.
    """
    if not isinstance(plain, Sequence) or isinstance(plain, str | bytes):
        raise InvalidCheck("The checks are not a list; write a list of objects, each with its kind.")
    checks = [_check_from(place, item) for place, item in enumerate(plain, start=first_place)]
    if schema is not None:
        for check in checks:
            require_known_columns(check, schema.names())
    return with_distinct_ids(checks)


def with_distinct_ids(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks with `-2`, `-3` … added to ids that were used before."""
    used: set[str] = set()
    distinct = []
    for check in checks:
        number, own = 1, check.id
        while own in used:
            number += 1
            own = f"{check.id}-{number}"
        used.add(own)
        distinct.append(check if own == check.id else msgspec.structs.replace(check, id=own))
    return tuple(distinct)


def require_known_columns(check: Check, names: Sequence[str]) -> None:
    """Raise InvalidCheck when the check reads a column that is not in `names`, with the closest one that is."""
    for name in check.subjects():
        if name not in names:
            raise InvalidCheck(f"The check {check.id} reads the column '{name}', {unknown_column(name, names)}.")


def unknown_column(name: str, names: Sequence[str]) -> str:
    """Return the rest of a sentence about a column the table does not have."""
    folded = {known.casefold(): known for known in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return "which the table does not have" + (f" (the closest is '{folded[close[0]]}')" if close else "")


def _check_from(place: int, item: Any) -> Check:
    if isinstance(item, Check):
        return item
    if not isinstance(item, Mapping):
        raise InvalidCheck(f"Check {place} is not an object with a kind; write one like {{'kind': 'not_null', …}}.")
    kind = item.get("kind")
    if kind not in KINDS:
        close = get_close_matches(kind, KINDS, n=1, cutoff=0.4) if isinstance(kind, str) else []
        hint = f"did you mean '{close[0]}'?" if close else f"use one of {', '.join(KINDS)}."
        raise InvalidCheck(f"Check {place} is of the unknown kind {kind!r}; {hint}")
    try:
        return msgspec.convert(item, KINDS[kind])
    except msgspec.ValidationError as wrong:
        raise InvalidCheck(f"Check {place} ({kind}): {_in_words(str(wrong))}.") from wrong


def _in_words(message: str) -> str:
    """Turn `Expected `str`, got `int` - at `$.column`` into words that name the field first."""
    what, _, where = message.rpartition(" - at ") if " - at " in message else (message, "", "")
    field = where.strip("`").removeprefix("$.").removeprefix("$")
    for technical, plain in (("`str`", "a text"), ("`int`", "a whole number"), ("`float`", "a number"), ("`", "'")):
        what = what.replace(technical, plain)
    what = what.rstrip(".")
    return f"{field}: {what[:1].lower()}{what[1:]}" if field else f"{what[:1].lower()}{what[1:]}"
