"""Checks as data: what is asked of a table, in JSON and back, with errors a person can act on."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

import msgspec

from lyceum.data.quality.engine.kinds.of_rows import (
    SET_VALUES_MAX,
    Conditional,
    CrossColumn,
    Expression,
    InSet,
    Length,
    NotNull,
    Range,
    Regex,
    Type,
)
from lyceum.data.quality.engine.kinds.of_tables import (
    Completeness,
    Drift,
    ExpectedColumn,
    Freshness,
    Monotonic,
    Outliers,
    PrimaryKey,
    Referential,
    RowCount,
    Schema,
    Sql,
    Statistic,
    Unique,
    Volume,
)
from lyceum.data.quality.engine.kinds.shared import AnyCheck, Scalar, Severity
from lyceum.data.quality.engine.schema import TableSchema
from lyceum.kernel.problems import Invalid

SENTENCE_CHARS_MAX = 800
HEAD_CHARS, TAIL_CHARS = 400, 300


class InvalidCheck(Invalid):
    """A check that says nothing that can be run; the text says which one and why."""

    title = "The check cannot be used"
    code = "invalid_check"

    def __init__(self, detail: str, **more: Any) -> None:
        # what is quoted may be of any length: where it stands comes before, and what to do comes last
        cut = detail if len(detail) <= SENTENCE_CHARS_MAX else f"{detail[:HEAD_CHARS]}…{detail[-TAIL_CHARS:]}"
        super().__init__("".join(char if char.isprintable() else "?" for char in cut), **more)


Check = (
    NotNull
    | Completeness
    | Unique
    | PrimaryKey
    | Range
    | InSet
    | Length
    | Regex
    | Type
    | Monotonic
    | Outliers
    | Statistic
    | Conditional
    | CrossColumn
    | Expression
    | Referential
    | RowCount
    | Volume
    | Freshness
    | Schema
    | Drift
    | Sql
)
KINDS: dict[str, type[Check]] = {
    "not_null": NotNull,
    "unique": Unique,
    "range": Range,
    "in_set": InSet,
    "row_count": RowCount,
    "completeness": Completeness,
    "primary_key": PrimaryKey,
    "length": Length,
    "regex": Regex,
    "type": Type,
    "monotonic": Monotonic,
    "outliers": Outliers,
    "statistic": Statistic,
    "conditional": Conditional,
    "cross_column": CrossColumn,
    "expression": Expression,
    "referential": Referential,
    "volume": Volume,
    "freshness": Freshness,
    "schema": Schema,
    "drift": Drift,
    "sql": Sql,
}
"""Every kind of check, by the name it has in JSON and YAML."""

__all__ = [
    "KINDS",
    "SET_VALUES_MAX",
    "AnyCheck",
    "Check",
    "Completeness",
    "Conditional",
    "CrossColumn",
    "Drift",
    "ExpectedColumn",
    "Expression",
    "Freshness",
    "InSet",
    "InvalidCheck",
    "Length",
    "Monotonic",
    "NotNull",
    "Outliers",
    "PrimaryKey",
    "Range",
    "Referential",
    "Regex",
    "RowCount",
    "Scalar",
    "Schema",
    "Severity",
    "Sql",
    "Statistic",
    "Type",
    "Unique",
    "Volume",
    "checks_from_plain",
    "require_known_columns",
    "unknown_column",
    "with_distinct_ids",
]


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
    if isinstance(item, AnyCheck):
        return cast("Check", item)
    if not isinstance(item, Mapping):
        raise InvalidCheck(f"Check {place} is not an object with a kind; write one like {{'kind': 'not_null', …}}.")
    kind = item.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
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
