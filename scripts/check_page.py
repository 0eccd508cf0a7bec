"""Write `docs/reference/checks.md` from the kinds of checks in the code, or check that it is current.

python scripts/check_page.py [--check]
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.described import notes_of
from lyceum.data.quality.engine.kinds.shared import AnyCheck, RowCheck
from lyceum.data.quality.engine.public import KINDS, checks_from_plain, decided_by_rows, is_mergeable

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "checks.md"
SHARED = (AnyCheck, RowCheck)
COLUMNS: dict[str, ColumnType | None] = {
    "order_id": ColumnType.INTEGER,
    "customer_id": ColumnType.INTEGER,
    "country": ColumnType.STRING,
    "state": ColumnType.STRING,
    "sku": ColumnType.STRING,
    "net": ColumnType.FLOAT,
    "tax": ColumnType.FLOAT,
    "total": ColumnType.FLOAT,
    "ordered_at": ColumnType.TIMESTAMP_UTC,
    "shipped_at": ColumnType.TIMESTAMP_UTC,
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "not_null": {"column": "country", "at_most_failing": 0.01},
    "completeness": {"column": "country", "min_share": 0.98},
    "unique": {"columns": ["order_id"]},
    "primary_key": {"columns": ["order_id"]},
    "range": {"column": "net", "min": 0, "max": 100000, "severity": "warning"},
    "in_set": {"column": "country", "values": ["DE", "FR", "US"], "tags": ["shop"], "owner": "sales data"},
    "length": {"column": "country", "min": 2, "max": 2},
    "regex": {"column": "sku", "pattern": "^SKU-[0-9]{6}$"},
    "type": {"column": "sku", "type": "integer"},
    "monotonic": {"column": "order_id", "strictly": True},
    "outliers": {"column": "total", "robust_z_max": 8, "at_most_failing": 0.001},
    "statistic": {"column": "tax", "statistic": "mean", "min": 1, "max": 30},
    "conditional": {"when": "country == 'US'", "then": "state is not None"},
    "cross_column": {"left": "shipped_at", "operator": ">=", "right": "ordered_at"},
    "expression": {"expression": "abs(total - net - tax) < 0.01", "partition_by": "country"},
    "referential": {"columns": ["customer_id"], "to": "shop/customers", "to_columns": ["id"]},
    "row_count": {"min": 1000},
    "volume": {"fall_max": 0.5, "rise_max": 2.0},
    "freshness": {"column": "ordered_at", "age_seconds_max": 93600},
    "schema": {"columns": [{"name": "order_id", "type": "integer"}, {"name": "net"}], "more_columns": "allowed"},
    "drift": {"columns": ["total", "country"], "method": "psi", "at_most": 0.1},
    "sql": {"query": "SELECT country FROM data GROUP BY country HAVING sum(total) < 0"},
}
INTRODUCTION = """\
# The kinds of checks

Made from the code by `python scripts/check_page.py`. How the figures are computed: [statistics](statistics.md).

A check is an object with a `kind`, in JSON or YAML. What a person has not given has the default. A result is `passed`,
`failed`, `errored` (the check does not fit the table) or `skipped` (there was too little to judge by). Data is refused when
a check that blocks has failed or could not be run.

Missing values are null, and NaN in a column of floats. Columns have one of seven types: boolean, integer, float, string,
date, timestamp, timestamp_utc. A check on a column of another type (lists, structs, bytes) is `errored`.
"""
EXPRESSIONS = """\
## Expressions

`conditional` and `expression` take Python's grammar, of which there are: columns by name, or `col('a name with spaces')`;
numbers, texts, `True` and `False`; `< <= == != >= >`, also chained (`0 <= x < 5`); `and`, `or`, `not`; `in` and `not in` with a
list of values; `is None` and `is not None`; `+ - * /` in 64-bit floats; `abs(x)`, `length(text)`, `lower(text)`,
`upper(text)`, `matches(text, 'pattern')` and `is_missing(x)`. Dates and times are compared with ISO texts. Nothing is
evaluated as Python. What is computed from a missing value is missing, as is a division by zero; `and`, `or` and `not` take it for unknown,
as SQL does, and a row whose answer is unknown is not checked. `lower` and `upper` are those of the library that runs the
check, which may differ in letters that change their length.

## Patterns

`regex` and `matches` take RE2's syntax with ASCII `\\d`, `\\w`, `\\s` and `\\b`: no look-around and no back references, and so a
time linear in the text whatever the pattern. A pattern has at most 1,000 characters, and counted repetitions multiply to
1,000 at most.

## Queries

`sql` runs a single `SELECT` in DuckDB, in a process of its own that has the table as `data` and can reach no file, network,
extension or other table. It may take 60 seconds and 512 MB.
"""


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION, "## What all kinds have\n", _table(AnyCheck, ()), _checks_of_rows()]
    parts += [_section(name, kind) for name, kind in KINDS.items()]
    return "\n".join([*parts, EXPRESSIONS])


def _checks_of_rows() -> str:
    own = _table(RowCheck, [field.name for field in msgspec.structs.fields(AnyCheck)])
    return f"Checks that rows pass or fail have besides:\n\n{own}"


def _section(name: str, kind: type[Any]) -> str:
    plain = {"kind": name, **EXAMPLES[name]}
    about = inspect.cleandoc(kind.__doc__ or "")
    example = f"```json\n{json.dumps(plain)}\n```\n"
    shared = {field.name for each in SHARED for field in msgspec.structs.fields(each)}
    shared -= set() if issubclass(kind, RowCheck) else {"at_most_failing", "partition_by"}
    return "\n".join([f"## {name}\n", f"{about}\n", _table(kind, shared), f"{_run_by(plain)}\n", example])


def _run_by(plain: dict[str, Any]) -> str:
    check = checks_from_plain([plain])[0]
    known = {name: kind for name, kind in COLUMNS.items() if kind is not None}
    if decided_by_rows(check, known):
        return "Looked at on [records before they are pushed](../howto/checks-of-a-dataset.md), too."
    whole = "" if is_mergeable(check) else " It needs the whole table at once: its parts do not merge."
    return f"Asks of the table, not of a row.{whole}"


def _table(kind: type[Any], without: Any) -> str:
    notes = notes_of(kind)
    lines = ["| field | type | default | |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(kind):
        if field.name in without:
            continue
        default = "" if field.required else f"`{json.dumps(field.default)}`"
        lines.append(f"| `{field.name}` | {_type(field.type)} | {default} | {notes.get(field.name, '')} |")
    return "\n".join([*lines, ""]) if len(lines) > 2 else ""


def _type(of: Any) -> str:
    text = str(of) if not isinstance(of, type) else of.__name__
    if text.startswith("typing.Literal"):
        return ", ".join(f"`{value}`" for value in of.__args__)
    for technical, plain in (
        ("tuple[lyceum.data.quality.engine.kinds.of_tables.ExpectedColumn, ...]", "list of `name` and `type`"),
        ("tuple[bool | int | float | str, ...]", "list of values"),
        ("tuple[str, ...]", "list of texts"),
        (" | None", ""),
        ("bool", "true or false"),
        ("int | float", "number"),
        ("float | int", "number"),
        ("float", "number"),
        ("int", "whole number"),
        ("str", "text"),
        (" | ", " or "),
    ):
        text = text.replace(technical, plain)
    return text


def main() -> int:
    """Write the page, or say whether it is current."""
    made = page()
    if "--check" in sys.argv[1:]:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made
        print("current" if current else f"{PAGE.name} is not current; run python scripts/check_page.py")
        return 0 if current else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
