"""Suites of Great Expectations (0.15 to 1.x, as JSON) as checks."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from lyceum.data.quality.ascode.imported import (
    CannotImport,
    Imported,
    LeftOut,
    Plain,
    bounds,
    column_of,
    listed,
    made_by,
    mapping,
    values_of,
)
from lyceum.data.quality.engine.public import InvalidCheck

SUITE_CHARS_MAX = 5_000_000
_Kwargs = Mapping[str, Any]
_TYPES = {
    "integer": "int int8 int16 int32 int64 uint8 uint16 uint32 uint64 integer bigint smallint tinyint integertype longtype",
    "float": "float float16 float32 float64 double decimal numeric real number floattype doubletype decimaltype",
    "boolean": "bool boolean booleantype bool_",
    "string": "str string text varchar char object stringtype",
    "date": "date datetype",
    "timestamp": "datetime datetime64 timestamp timestamptype datetime64[ns] datetime64[us]",
}
"""Names that suites have for the types that columns have here."""
_TYPE_OF = {name: type_name for type_name, names in _TYPES.items() for name in names.split()}


def from_great_expectations(text: str) -> Imported:
    """Return a suite's expectations as checks, in their order, and those that have no counterpart.

    `mostly` becomes the tolerated share, `severity` warning or info a warning. Raises `InvalidCheck` for what is no suite.
    """
    checks: list[Plain] = []
    left_out: list[LeftOut] = []
    for expectation in _expectations(text):
        kind = str(expectation.get("type") or expectation.get("expectation_type") or "an expectation without a type")
        kwargs = expectation.get("kwargs")
        try:
            told = mapping(kwargs, "What it is told (kwargs)")
            checks += made_by(lambda: _of_expectation(kind, told, expectation))  # noqa: B023 - called at once
        except CannotImport as impossible:
            left_out.append(LeftOut(_named(kind, kwargs), str(impossible)))
    return Imported(tuple(checks), tuple(left_out))


def _expectations(text: str) -> list[Mapping[str, Any]]:
    if len(text) > SUITE_CHARS_MAX:
        raise InvalidCheck(f"The suite holds more than {SUITE_CHARS_MAX:,} characters; split it.")
    try:
        suite = json.loads(text)
    except (ValueError, RecursionError) as unreadable:
        raise InvalidCheck(
            f"The suite is no JSON ({unreadable}); export it from Great Expectations again."
        ) from unreadable
    found = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidCheck("The file is no suite of Great Expectations: it has no list of expectations.")
    return found


def _of_expectation(kind: str, kwargs: _Kwargs, expectation: Mapping[str, Any]) -> list[Plain]:
    make = _MAKERS.get(kind)
    if make is None:
        raise CannotImport("Nothing here asks the same; write it as an expression or as sql.")
    if kwargs.get("row_condition"):
        raise CannotImport("It holds for some rows only (row_condition); write it as a conditional check.")
    made = make(kwargs)
    common: Plain = {}
    if str(expectation.get("severity", "critical")).lower() != "critical":
        common["severity"] = "warning"
    mostly = kwargs.get("mostly")
    if isinstance(mostly, int | float) and mostly != 1 and _tolerates(made):
        common["at_most_failing"] = round(1 - mostly, 12)
    return [{**each, **common} for each in made]


def _tolerates(made: list[Plain]) -> bool:
    return all(each["kind"] not in {"schema", "row_count", "statistic"} for each in made)


def _named(kind: str, kwargs: Any) -> str:
    column = kwargs.get("column") if isinstance(kwargs, Mapping) else None
    return f"{kind} ({column})" if column else kind


def _column(kwargs: _Kwargs, name: str = "column") -> str:
    column = kwargs.get(name)
    if not isinstance(column, str) or not column:
        raise CannotImport(f"It names no column ({name}).")
    return column


def _columns(kwargs: _Kwargs, name: str) -> list[str]:
    return [str(column) for column in listed(kwargs.get(name))]


def _between(kwargs: _Kwargs) -> list[Plain]:
    check = {"kind": "range", "column": _column(kwargs), **bounds(kwargs.get("min_value"), kwargs.get("max_value"))}
    for told, field in (("strict_min", "min_inclusive"), ("strict_max", "max_inclusive")):
        if kwargs.get(told):
            check[field] = False
    return [check]


def _lengths(kwargs: _Kwargs) -> list[Plain]:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    # lengths are whole numbers
    low = low + 1 if low is not None and kwargs.get("strict_min") else low
    high = high - 1 if high is not None and kwargs.get("strict_max") else high
    return [{"kind": "length", "column": _column(kwargs), **bounds(low, high)}]


def _statistic(statistic: str) -> Callable[[_Kwargs], list[Plain]]:
    def made(kwargs: _Kwargs) -> list[Plain]:
        if kwargs.get("strict_min") or kwargs.get("strict_max"):
            raise CannotImport("Its bounds are excluded, and here they belong to what is allowed; give ones that do.")
        asked = bounds(kwargs.get("min_value"), kwargs.get("max_value"))
        return [{"kind": "statistic", "column": _column(kwargs), "statistic": statistic, **asked}]

    return made


def _regexes(kwargs: _Kwargs, patterns: list[Any], *, forbidden: bool) -> list[Plain]:
    common = {"kind": "regex", "column": _column(kwargs), **({"forbidden": True} if forbidden else {})}
    if forbidden or kwargs.get("match_on") == "all":
        return [{**common, "pattern": pattern} for pattern in patterns]
    return [{**common, "pattern": patterns[0] if len(patterns) == 1 else "|".join(f"(?:{each})" for each in patterns)}]


def _types(kwargs: _Kwargs, names: list[Any]) -> list[Plain]:
    kinds = {_TYPE_OF.get(str(name).lower()) for name in names}
    if len(kinds) != 1 or None in kinds:
        raise CannotImport(f"No one type here stands for {', '.join(map(str, names))}; write a schema check.")
    return [_has_column(_column(kwargs), kinds.pop())]


def _has_column(column: str, kind: str | None = None) -> Plain:
    wanted = {"name": column, **({} if kind is None else {"type": kind})}
    return {"id": f"{column}.schema", "kind": "schema", "columns": [wanted], "more_columns": "allowed"}


def _table_columns(kwargs: _Kwargs, names: list[str], *, ordered: bool) -> list[Plain]:
    more = {} if ordered or kwargs.get("exact_match", True) else {"more_columns": "allowed"}
    order = {"order": "same"} if ordered else {}
    return [{"kind": "schema", "columns": [{"name": name} for name in names], **more, **order}]


def _pairs(kwargs: _Kwargs, operator: str) -> list[Plain]:
    left, right = _column(kwargs, "column_A"), _column(kwargs, "column_B")
    return [{"kind": "cross_column", "left": left, "operator": operator, "right": right}]


def _expression(kwargs: _Kwargs, text: str) -> list[Plain]:
    return [{"id": f"{kwargs.get('column', 'table')}.expression", "kind": "expression", "expression": text}]


def _like(kwargs: _Kwargs, *, forbidden: bool) -> list[Plain]:
    pattern = str(kwargs.get("like_pattern", ""))
    signs = {"%": ".*", "_": "."}
    text = "".join(signs.get(char) or (char if char.isalnum() else f"\\{char}") for char in pattern)
    return _regexes(kwargs, [f"(?s)^{text}$"], forbidden=forbidden)


def _of_column(kind: str) -> Callable[[_Kwargs], list[Plain]]:
    return lambda kwargs: [{"kind": kind, "column": _column(kwargs)}]


def _monotonic(direction: str) -> Callable[[_Kwargs], list[Plain]]:
    return lambda kwargs: [
        {
            "kind": "monotonic",
            "column": _column(kwargs),
            "direction": direction,
            **({"strictly": True} if kwargs.get("strictly") else {}),
        }
    ]


def _in_set(kwargs: _Kwargs) -> list[Plain]:
    return [{"kind": "in_set", "column": _column(kwargs), "values": listed(kwargs.get("value_set"))}]


def _exactly(kwargs: _Kwargs) -> Plain:
    value = kwargs.get("value")
    return bounds(value, value)


_MAKERS: dict[str, Callable[[_Kwargs], list[Plain]]] = {
    "expect_column_values_to_not_be_null": _of_column("not_null"),
    "expect_column_values_to_be_null": lambda kwargs: _expression(kwargs, f"{column_of(_column(kwargs))} is None"),
    "expect_column_values_to_be_unique": lambda kwargs: [{"kind": "unique", "columns": [_column(kwargs)]}],
    "expect_compound_columns_to_be_unique": lambda kwargs: [
        {"kind": "unique", "columns": _columns(kwargs, "column_list")}
    ],
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_distinct_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": lambda kwargs: _expression(
        kwargs, f"{column_of(_column(kwargs))} not in {values_of(kwargs.get('value_set'))}"
    ),
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": lambda kwargs: [
        {"kind": "length", "column": _column(kwargs), **_exactly(kwargs)}
    ],
    "expect_column_values_to_match_regex": lambda kwargs: _regexes(kwargs, [kwargs.get("regex")], forbidden=False),
    "expect_column_values_to_not_match_regex": lambda kwargs: _regexes(kwargs, [kwargs.get("regex")], forbidden=True),
    "expect_column_values_to_match_regex_list": lambda kwargs: _regexes(
        kwargs, listed(kwargs.get("regex_list")), forbidden=False
    ),
    "expect_column_values_to_not_match_regex_list": lambda kwargs: _regexes(
        kwargs, listed(kwargs.get("regex_list")), forbidden=True
    ),
    "expect_column_values_to_match_like_pattern": lambda kwargs: _like(kwargs, forbidden=False),
    "expect_column_values_to_not_match_like_pattern": lambda kwargs: _like(kwargs, forbidden=True),
    "expect_column_values_to_be_of_type": lambda kwargs: _types(kwargs, [kwargs.get("type_")]),
    "expect_column_values_to_be_in_type_list": lambda kwargs: _types(kwargs, listed(kwargs.get("type_list"))),
    "expect_column_to_exist": lambda kwargs: [_has_column(_column(kwargs))],
    "expect_table_columns_to_match_set": lambda kwargs: _table_columns(
        kwargs, _columns(kwargs, "column_set"), ordered=False
    ),
    "expect_table_columns_to_match_ordered_list": lambda kwargs: _table_columns(
        kwargs, _columns(kwargs, "column_list"), ordered=True
    ),
    "expect_table_row_count_to_be_between": lambda kwargs: [
        {"kind": "row_count", **bounds(kwargs.get("min_value"), kwargs.get("max_value"))}
    ],
    "expect_table_row_count_to_equal": lambda kwargs: [{"kind": "row_count", **_exactly(kwargs)}],
    "expect_column_min_to_be_between": _statistic("min"),
    "expect_column_max_to_be_between": _statistic("max"),
    "expect_column_mean_to_be_between": _statistic("mean"),
    "expect_column_stdev_to_be_between": _statistic("std"),
    "expect_column_sum_to_be_between": _statistic("sum"),
    "expect_column_pair_values_a_to_be_greater_than_b": lambda kwargs: _pairs(
        kwargs, ">=" if kwargs.get("or_equal") else ">"
    ),
    "expect_column_pair_values_to_be_equal": lambda kwargs: _pairs(kwargs, "=="),
    "expect_multicolumn_sum_to_equal": lambda kwargs: _expression(
        kwargs, f"{' + '.join(map(column_of, _columns(kwargs, 'column_list')))} == {kwargs.get('sum_total')!r}"
    ),
    "expect_column_values_to_be_increasing": _monotonic("increasing"),
    "expect_column_values_to_be_decreasing": _monotonic("decreasing"),
}
EXPECTATIONS = tuple(_MAKERS)
"""The expectations that have a counterpart."""
