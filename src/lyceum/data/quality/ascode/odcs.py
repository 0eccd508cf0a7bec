"""Data contracts of the Open Data Contract Standard (ODCS, version 3) as checks, and checks as such a contract.

What the standard has words for stands in its own; other checks stand as a custom rule of the engine `lyceum`, so that a
contract which was written here is read as it was.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from lyceum.data.quality.ascode.check_files import plain_of
from lyceum.data.quality.ascode.imported import (
    CannotImport,
    Imported,
    LeftOut,
    Plain,
    bounds,
    items_of,
    listed,
    made_by,
)
from lyceum.data.quality.ascode.yaml_text import plain_yaml, yaml_of
from lyceum.data.quality.engine.public import Check, ColumnSchema, InvalidCheck

API_VERSION = "v3.1.0"
ENGINE = "lyceum"
_TYPES = {
    "integer": "integer",
    "number": "float",
    "boolean": "boolean",
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
}
_LOGICAL = {**{ours: theirs for theirs, ours in _TYPES.items()}, "timestamp_utc": "timestamp"}
_RULES = {"nullCheck": "nullValues", "duplicateCount": "duplicateValues", "duplicateCheck": "duplicateValues"}
"""Names that contracts before 3.1 have for metrics."""


def from_odcs(text: str, *, file_name: str, table: str | None = None) -> Imported:
    """Return the checks of a contract's table, those of the table first, and what has no counterpart.

    `table` names one of the contract's, and may be left out where it has one. Raises `InvalidCheck` for what is no
    contract, and where no or more than one table could be meant.
    """
    contract = plain_yaml(text, file_name=file_name)
    if not isinstance(contract, Mapping) or contract.get("kind") != "DataContract":
        raise InvalidCheck(f"{file_name} is no data contract: its kind is not DataContract.")
    if not str(contract.get("apiVersion", "")).startswith("v3."):
        raise InvalidCheck(f"{file_name} is a contract of {contract.get('apiVersion')!r}; versions 3 are read.")
    meant = _table(contract.get("schema"), table, file_name)
    checks: list[Plain] = []
    left_out: list[LeftOut] = []
    for what, make in (*_of_table(meant), *_of_columns(meant)):
        try:
            checks += made_by(make)
        except CannotImport as impossible:
            left_out.append(LeftOut(what, str(impossible)))
    return Imported(tuple(checks), tuple(left_out))


def to_odcs(name: str, *, version: str, columns: Sequence[ColumnSchema], checks: Iterable[Check]) -> str:
    """Return a contract over a dataset: its columns with their types, and its checks."""
    properties = {
        column.name: {"name": column.name, "logicalType": _LOGICAL.get(str(column.type), "string")}
        for column in columns
    }
    table: Plain = {"name": name, "logicalType": "object", "properties": list(properties.values())}
    for check in checks:
        plain = plain_of(check)
        known = properties.get(plain.get("column", ""))
        if known is None or not _as_property(known, plain):
            table.setdefault("quality", []).append(
                {"type": "custom", "engine": ENGINE, "implementation": {**plain, "id": check.id}}
            )
    contract = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": version,
        "status": "active",
        "schema": [table],
    }
    return yaml_of(contract)


def _as_property(known: Plain, plain: Plain) -> bool:
    """Write a check as the standard's own word for it; return whether it has one."""
    match plain:
        case {"kind": "not_null", "column": _, **rest} if not rest:
            known["required"] = True
            return True
        case {"kind": "length", "column": _, **rest} if rest.keys() <= {"min", "max"}:
            options = {"minLength": rest.get("min"), "maxLength": rest.get("max")}
        case {"kind": "regex", "column": _, "pattern": str(pattern), **rest} if not rest:
            options = {"pattern": pattern}
        case {"kind": "range", "column": _, **rest} if rest.keys() <= {"min", "max"}:
            options = {"minimum": rest.get("min"), "maximum": rest.get("max")}
        case _:
            return False
    have = known.get("logicalTypeOptions", {})
    wanted = {name: value for name, value in options.items() if value is not None}
    if have.keys() & wanted.keys() or not _takes(known["logicalType"], wanted):
        return False
    known["logicalTypeOptions"] = {**have, **wanted}
    return True


def _takes(logical: str, options: Plain) -> bool:
    """Return whether the standard has the options for the type."""
    if options.keys() <= {"minLength", "maxLength", "pattern"}:
        return logical == "string"
    is_text = any(isinstance(value, str) for value in options.values())
    return logical in ({"date", "timestamp"} if is_text else {"integer", "number"})


def _table(schema: Any, table: str | None, file_name: str) -> Mapping[str, Any]:
    found = [each for each in schema if isinstance(each, Mapping)] if isinstance(schema, list) else []
    named = [each for each in found if table is None or each.get("name") == table]
    if len(named) == 1:
        return named[0]
    names = ", ".join(str(each.get("name")) for each in found) or "no table"
    raise InvalidCheck(f"{file_name} describes {names}; say which of them is meant.")


_Made = tuple[str, Callable[[], list[Plain]]]
"""What something is called, and what makes its checks or raises `CannotImport`."""


def _of_table(table: Mapping[str, Any]) -> Iterator[_Made]:
    columns = [_column_facts(each) for each in _properties(table)]
    if columns:
        yield "schema", _ready({"kind": "schema", "columns": columns, "more_columns": "allowed"})
    keys = sorted(
        (each for each in _properties(table) if each.get("primaryKey") is True),
        key=lambda each: each.get("primaryKeyPosition", -1),
    )
    if keys:
        yield "primaryKey", _ready({"kind": "primary_key", "columns": [str(each["name"]) for each in keys]})
    for rule in items_of(table.get("quality")):
        if isinstance(rule, Mapping):
            yield _rule_name(rule), partial(_of_rule, rule, None)


def _of_columns(table: Mapping[str, Any]) -> Iterator[_Made]:
    for each in _properties(table):
        name = str(each["name"])
        if each.get("required") is True and each.get("primaryKey") is not True:
            yield f"required ({name})", _ready({"kind": "not_null", "column": name})
        if each.get("unique") is True:
            yield f"unique ({name})", _ready({"kind": "unique", "columns": [name]})
        if isinstance(allowed := each.get("enum"), list):
            values = [value.get("value") if isinstance(value, Mapping) else value for value in allowed]
            yield f"enum ({name})", _ready({"kind": "in_set", "column": name, "values": values})
        yield from ((f"logicalTypeOptions ({name})", _ready(check)) for check in _options(name, each))
        for rule in items_of(each.get("quality")):
            if isinstance(rule, Mapping):
                yield f"{_rule_name(rule)} ({name})", partial(_of_rule, rule, name)


def _ready(check: Plain) -> Callable[[], list[Plain]]:
    return lambda: [check]


def _properties(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed_ones = table.get("properties")
    return [
        each
        for each in (listed_ones if isinstance(listed_ones, list) else [])
        if isinstance(each, Mapping) and isinstance(each.get("name"), str)
    ]


def _column_facts(column: Mapping[str, Any]) -> Plain:
    known = _TYPES.get(str(column.get("logicalType")))
    return {"name": column["name"], **({"type": known} if known else {})}


def _options(name: str, column: Mapping[str, Any]) -> Iterator[Plain]:
    options = column.get("logicalTypeOptions")
    if not isinstance(options, Mapping):
        return
    lengths = (options.get("minLength"), options.get("maxLength"))
    if any(each is not None for each in lengths):
        yield {"kind": "length", "column": name, **bounds(*lengths)}
    if isinstance(pattern := options.get("pattern"), str):
        yield {"kind": "regex", "column": name, "pattern": pattern}
    low, low_open = _end(options, "minimum", "exclusiveMinimum")
    high, high_open = _end(options, "maximum", "exclusiveMaximum")
    if low is not None or high is not None:
        open_ends = {
            **({"min_inclusive": False} if low_open else {}),
            **({"max_inclusive": False} if high_open else {}),
        }
        yield {"kind": "range", "column": name, **bounds(low, high), **open_ends}


def _end(options: Mapping[str, Any], name: str, exclusive: str) -> tuple[Any, bool]:
    """Return a bound and whether it is itself excluded; `exclusive` says so, or is the bound."""
    told = options.get(exclusive)
    if told is None or isinstance(told, bool):
        return options.get(name), bool(told)
    return told, True


def _rule_name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("name") or rule.get("id") or rule.get("metric") or rule.get("rule") or rule.get("type"))


def _of_rule(rule: Mapping[str, Any], column: str | None) -> list[Plain]:
    kind = rule.get("type", "library")
    if kind == "custom":
        return [_of_custom(rule)]
    if kind != "library":
        told = "It is a sentence for people." if kind == "text" else "Its SQL is written for another database."
        raise CannotImport(f"{told} Write it as an expression, or as sql over the table named data.")
    made = _of_metric(rule, column)
    if str(rule.get("severity", "error")).lower() in {"warning", "info"}:
        made["severity"] = "warning"
    return [made]


def _of_custom(rule: Mapping[str, Any]) -> Plain:
    implementation = rule.get("implementation")
    if rule.get("engine") != ENGINE or not isinstance(implementation, Mapping):
        raise CannotImport(f"It is a rule of {rule.get('engine')!r}; import that tool's own file.")
    return dict(implementation)


def _of_metric(rule: Mapping[str, Any], column: str | None) -> Plain:
    metric = str(rule.get("metric") or rule.get("rule"))
    metric = _RULES.get(metric, metric)
    arguments = rule.get("arguments")
    arguments = arguments if isinstance(arguments, Mapping) else {}
    if metric == "rowCount" and column is None:
        return {"kind": "row_count", **_row_bounds(rule)}
    tolerated = _tolerated(rule)
    if metric == "duplicateValues":
        columns = [column] if column is not None else [str(each) for each in listed(arguments.get("properties"))]
        return {"kind": "unique", "columns": columns, **tolerated}
    if column is None:
        raise CannotImport("It belongs to a column, and stands with the table's rules.")
    if metric == "nullValues":
        return {"kind": "not_null", "column": column, **tolerated}
    if metric == "invalidValues" and "validValues" in arguments:
        return {"kind": "in_set", "column": column, "values": listed(arguments["validValues"]), **tolerated}
    if metric == "invalidValues" and isinstance(arguments.get("pattern"), str):
        return {"kind": "regex", "column": column, "pattern": arguments["pattern"], **tolerated}
    if metric == "missingValues":
        marks = [mark for mark in listed(arguments.get("missingValues")) if mark is not None]
        text = f"col({column!r}) not in [{', '.join(map(repr, marks))}]" if marks else f"col({column!r}) is not None"
        return {"id": f"{column}.expression", "kind": "expression", "expression": text, **tolerated}
    raise CannotImport("Nothing here asks the same; write it as an expression or as sql.")


def _row_bounds(rule: Mapping[str, Any]) -> Plain:
    exact, between = rule.get("mustBe"), rule.get("mustBeBetween")
    if isinstance(between, list) and len(between) == 2:
        return bounds(int(between[0]), int(between[1]))
    low, high = rule.get("mustBeGreaterOrEqualTo", exact), rule.get("mustBeLessOrEqualTo", exact)
    if (above := rule.get("mustBeGreaterThan")) is not None:
        low = int(above) + 1
    if (below := rule.get("mustBeLessThan")) is not None:
        high = int(below) - 1
    return bounds(low, high)


def _tolerated(rule: Mapping[str, Any]) -> Plain:
    """Return the share of rows that may fail; raises `CannotImport` for a count of them."""
    most = rule.get("mustBe", rule.get("mustBeLessOrEqualTo", rule.get("mustBeLessThan")))
    if not isinstance(most, int | float) or isinstance(most, bool):
        raise CannotImport("It does not say that few rows fail (mustBe, mustBeLessThan).")
    if rule.get("unit", "rows") == "percent":
        return {"at_most_failing": most / 100} if most else {}
    if most == 0 or (rule.get("mustBeLessThan") == 1 and "mustBe" not in rule):
        return {}
    raise CannotImport(f"It tolerates a count of failing rows ({most:g}); give a share as at_most_failing.")
