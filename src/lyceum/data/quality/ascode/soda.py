"""Data contracts of Soda (version 4, YAML) as checks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lyceum.data.quality.ascode.imported import (
    CannotImport,
    Imported,
    LeftOut,
    Plain,
    bounds,
    column_of,
    items_of,
    listed,
    made_by,
    mapping,
    values_of,
)
from lyceum.data.quality.ascode.yaml_text import plain_yaml
from lyceum.data.quality.engine.public import InvalidCheck

_Body = Mapping[str, Any]
_TYPES = {
    "integer": "int integer bigint smallint tinyint int2 int4 int8 int64 hugeint",
    "float": "float double real numeric decimal number float4 float8 float64",
    "boolean": "bool boolean",
    "string": "varchar character text string char nvarchar",
    "date": "date",
    "timestamp": "timestamp datetime",
}
_TYPE_OF = {name: type_name for type_name, names in _TYPES.items() for name in names.split()}
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_STATISTICS = {"avg": "mean", "sum": "sum", "min": "min", "max": "max", "stddev": "std", "stddev_samp": "std"}


def from_soda(text: str, *, file_name: str) -> Imported:
    """Return a contract's checks, those of the table first, and what has no counterpart.

    Raises `InvalidCheck` for what is no contract.
    """
    contract = plain_yaml(text, file_name=file_name)
    if not isinstance(contract, Mapping) or "dataset" not in contract or not {"checks", "columns"} & contract.keys():
        raise InvalidCheck(f"{file_name} is no contract of Soda: it names a dataset, and lists columns or checks.")
    checks: list[Plain] = []
    left_out: list[LeftOut] = []
    for column, kind, body in _listed_checks(contract):
        try:
            checks += made_by(lambda: _of_check(column, kind, body, contract))  # noqa: B023 - called at once
        except CannotImport as impossible:
            name = kind if column is None else f"{kind} ({column['name']})"
            left_out.append(LeftOut(name, str(impossible)))
    return Imported(tuple(checks), tuple(left_out))


def _listed_checks(contract: _Body) -> Iterator[tuple[_Body | None, str, _Body]]:
    columns = items_of(contract.get("columns"))
    for holder, column in ((contract, None), *((each, each) for each in columns if isinstance(each, Mapping))):
        if column is not None and not isinstance(column.get("name"), str):
            continue
        for item in items_of(holder.get("checks")):
            if isinstance(item, str):
                yield column, item, {}
            elif isinstance(item, Mapping) and item:
                kind, body = next(iter(item.items()))
                yield column, str(kind), body if isinstance(body, Mapping) else {}


def _of_check(column: _Body | None, kind: str, body: _Body, contract: _Body) -> list[Plain]:
    if body.get("filter") or contract.get("filter"):
        raise CannotImport("It holds for some rows only (filter); write it as a conditional check.")
    make = _MAKERS.get(kind)
    if make is None:
        raise CannotImport("Nothing here asks the same; write it as an expression or as sql.")
    threshold = body.get("threshold")
    threshold = threshold if isinstance(threshold, Mapping) else {}
    made = make(column, body, threshold, contract)
    if threshold.get("level") == "warn":
        made = [{**each, "severity": "warning"} for each in made]
    return made


def _missing(column: _Body | None, body: _Body, threshold: _Body, _contract: _Body) -> list[Plain]:
    name = _name(column)
    checks = [{"kind": "not_null", "column": name}]
    marks = body.get("missing_values") or _of(column, "missing_values")
    if marks:
        text = f"{column_of(name)} not in {values_of(marks)}"
        checks.append({"id": f"{name}.marked_missing", "kind": "expression", "expression": text})
    return _tolerating(checks, threshold)


def _invalid(column: _Body | None, body: _Body, threshold: _Body, _contract: _Body) -> list[Plain]:
    name = _name(column)
    told = {**{key: value for key, value in (column or {}).items() if key.startswith(("valid_", "invalid_"))}, **body}
    checks: list[Plain] = []
    if "valid_values" in told:
        checks.append({"kind": "in_set", "column": name, "values": listed(told["valid_values"])})
    if "invalid_values" in told:
        text = f"{column_of(name)} not in {values_of(told['invalid_values'])}"
        checks.append({"id": f"{name}.expression", "kind": "expression", "expression": text})
    if {"valid_min", "valid_max"} & told.keys():
        checks.append({"kind": "range", "column": name, **bounds(told.get("valid_min"), told.get("valid_max"))})
    if {"valid_length", "valid_min_length", "valid_max_length"} & told.keys():
        exact = told.get("valid_length")
        ends = bounds(told.get("valid_min_length", exact), told.get("valid_max_length", exact))
        checks.append({"kind": "length", "column": name, **ends})
    for key, forbidden in (("valid_format", False), ("invalid_format", True)):
        if key in told:
            pattern = mapping(told[key], key).get("regex")
            checks.append(
                {"kind": "regex", "column": name, "pattern": pattern, **({"forbidden": True} if forbidden else {})}
            )
    if "valid_reference_data" in told:
        other = mapping(told["valid_reference_data"], "valid_reference_data")
        to = "/".join(str(other.get("dataset", "")).split("/")[-2:])
        checks.append(
            {"kind": "referential", "columns": [name], "to": to, "to_columns": [str(other.get("column", ""))]}
        )
    if not checks:
        raise CannotImport("It does not say which values are valid.")
    return _tolerating(checks, threshold)


def _duplicate(column: _Body | None, body: _Body, threshold: _Body, _contract: _Body) -> list[Plain]:
    columns = [_name(column)] if column is not None else [str(each) for each in listed(body.get("columns"))]
    return _tolerating([{"kind": "unique", "columns": columns}], threshold)


def _row_count(_column: _Body | None, _body: _Body, threshold: _Body, _contract: _Body) -> list[Plain]:
    low, high = _whole_bounds(threshold) if _limits(threshold) else (1, None)
    return [{"kind": "row_count", **bounds(low, high)}]


def _schema(_column: _Body | None, body: _Body, _threshold: _Body, contract: _Body) -> list[Plain]:
    columns = []
    for each in listed(contract.get("columns")):
        told = mapping(each, "A column")
        known = _TYPE_OF.get(str(told.get("data_type", "")).lower().split("(")[0].strip())
        columns.append({"name": str(told.get("name", "")), **({"type": known} if known else {})})
    more = {"more_columns": "allowed"} if body.get("allow_extra_columns") else {}
    order = {} if body.get("allow_other_column_order") else {"order": "same"}
    return [{"kind": "schema", "columns": columns, **more, **order}]


def _freshness(_column: _Body | None, body: _Body, threshold: _Body, _contract: _Body) -> list[Plain]:
    unit = _SECONDS.get(str(threshold.get("unit", "hour")))
    age = threshold.get("must_be_less_than", threshold.get("must_be_less_than_or_equal"))
    if unit is None or not isinstance(age, int | float) or not isinstance(body.get("column"), str):
        raise CannotImport("It does not say how old the newest value of which column may be.")
    return [{"kind": "freshness", "column": body["column"], "age_seconds_max": int(age * unit)}]


def _aggregate(column: _Body | None, body: _Body, threshold: _Body, _contract: _Body) -> list[Plain]:
    statistic = _STATISTICS.get(str(body.get("function", "")).lower())
    if statistic is None:
        raise CannotImport(
            f"The function {body.get('function')!r} is none of {', '.join(_STATISTICS)}; write it as sql."
        )
    limits = _limits(threshold)
    if {"greater_than", "less_than"} & limits.keys():
        raise CannotImport("Its bounds are excluded, and here they belong to what is allowed; give ones that do.")
    ends = bounds(limits.get("greater_than_or_equal"), limits.get("less_than_or_equal"))
    return [{"kind": "statistic", "column": _name(column), "statistic": statistic, **ends}]


def _failed_rows(_column: _Body | None, body: _Body, _threshold: _Body, _contract: _Body) -> list[Plain]:
    raise CannotImport(
        f"Its SQL is written for another database ({'expression' if body.get('expression') else 'query'}); "
        "write it as sql over the table named data."
    )


def _tolerating(checks: list[Plain], threshold: _Body) -> list[Plain]:
    """Return the checks with the share of rows that may fail; raises `CannotImport` for a count of them."""
    limits = _limits(threshold)
    most = limits.get("less_than_or_equal", limits.get("less_than", 0))
    if limits.keys() - {"less_than", "less_than_or_equal"} and limits != {
        "greater_than_or_equal": 0,
        "less_than_or_equal": 0,
    }:
        raise CannotImport("It asks for failing rows, not for few of them.")
    if not most or (threshold.get("metric", "count") == "count" and limits == {"less_than": 1}):
        return checks
    if threshold.get("metric", "count") != "percent":
        raise CannotImport(f"It tolerates a count of failing rows ({most:g}); give a share as at_most_failing.")
    return [{**check, "at_most_failing": most / 100} for check in checks]


def _limits(threshold: _Body) -> dict[str, float]:
    """Return the bounds of a threshold by what they are called within `must_be_between`."""
    found = {
        name.removeprefix("must_be_"): value
        for name, value in threshold.items()
        if name.startswith("must_be_") and isinstance(value, int | float)
    }
    between = threshold.get("must_be_between")
    if isinstance(between, Mapping):
        found |= {str(name): value for name, value in between.items() if isinstance(value, int | float)}
    if isinstance(exact := threshold.get("must_be"), int | float):
        found |= {"greater_than_or_equal": exact, "less_than_or_equal": exact}
    if {"must_not_be", "must_be_not_between"} & threshold.keys():
        raise CannotImport("It says what must not be; write it as an expression or as sql.")
    return found


def _whole_bounds(threshold: _Body) -> tuple[int | None, int | None]:
    limits = _limits(threshold)
    low = limits.get("greater_than_or_equal", limits["greater_than"] + 1 if "greater_than" in limits else None)
    high = limits.get("less_than_or_equal", limits["less_than"] - 1 if "less_than" in limits else None)
    return None if low is None else int(low), None if high is None else int(high)


def _name(column: _Body | None) -> str:
    if column is None:
        raise CannotImport("It belongs to a column, and stands with the table's checks.")
    return str(column["name"])


def _of(column: _Body | None, key: str) -> Any:
    return None if column is None else column.get(key)


_MAKERS: dict[str, Callable[[_Body | None, _Body, _Body, _Body], list[Plain]]] = {
    "missing": _missing,
    "invalid": _invalid,
    "duplicate": _duplicate,
    "row_count": _row_count,
    "schema": _schema,
    "freshness": _freshness,
    "aggregate": _aggregate,
    "failed_rows": _failed_rows,
}
SODA_CHECKS = tuple(name for name in _MAKERS if name != "failed_rows")
"""The kinds of checks that have a counterpart."""
