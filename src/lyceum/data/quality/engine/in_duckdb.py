"""Checks counted by DuckDB over Parquet files, in little memory: what does not fit is spilt to a folder.

For rows that a check decides alone, keys and numbers of rows; keys are grouped by their values, so the counts are exact.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.checks import Check, Completeness, Monotonic, PrimaryKey, RowCount, Unique
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.nodes import (
    All,
    Applied,
    AsFloat,
    Column,
    Compared,
    Computed,
    Constant,
    Either,
    Fits,
    Member,
    Missing,
    Node,
    Not,
)
from lyceum.data.quality.engine.rules import RowRule
from lyceum.data.quality.engine.run import Planned, planned
from lyceum.data.quality.engine.small import Counted

SQL_TYPES = {
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.FLOAT: "DOUBLE",
    ColumnType.STRING: "VARCHAR",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP",
    ColumnType.TIMESTAMP_UTC: "TIMESTAMPTZ",
}


def duckdb_covers(plan: Planned) -> bool:
    """Return whether `counts_in_duckdb` counts the check."""
    if plan.error is not None or getattr(plan.check, "partition_by", None) is not None:
        return False
    if isinstance(plan.check, Completeness | Monotonic):
        return False
    return plan.rule is not None or isinstance(plan.check, Unique | PrimaryKey | RowCount)


def counts_in_duckdb(
    files: Sequence[Path], checks: Iterable[Check], *, memory_mb_max: int = 350, threads_max: int = 2
) -> list[Counted]:
    """Return the counts of those checks that `duckdb_covers`, in their order.

    `memory_mb_max` is what DuckDB may hold; the library and the interpreter add some 100 MB.
    """
    import duckdb

    types = as_plain(pl.scan_parquet(list(files)))[1]
    plans = [plan for check in checks if duckdb_covers(plan := planned(check, types))]
    with tempfile.TemporaryDirectory(prefix="lyceum-duckdb-") as folder:
        config: dict[str, Any] = {
            "memory_limit": f"{memory_mb_max}MB",
            "threads": threads_max,
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "python_enable_replacements": False,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            names = ", ".join(_text(str(path)) for path in files)
            columns = ", ".join(_plain(name, kind) for name, kind in types.items() if kind is not None)
            connection.execute(f"CREATE VIEW plain AS SELECT {columns} FROM read_parquet([{names}])")  # noqa: S608 - quoted
            wanted = [count for plan in plans for count in _counts(plan)]
            asked = ", ".join(["count(*)", *wanted])
            row = connection.execute(f"SELECT {asked} FROM plain").fetchall()  # noqa: S608 - quoted
            rows, found = row[0][0], iter(row[0][1:])
            return [_counted(plan, rows, found, connection) for plan in plans]


def _counted(plan: Planned, rows: int, found: Any, connection: Any) -> Counted:
    check = plan.check
    match check:
        case RowCount(min=low, max=high):
            next(found)
            short = (low is not None and rows < low) or (high is not None and rows > high)
            return Counted(check, rows, int(short))
        case Unique(columns=columns) | PrimaryKey(columns=columns):
            present = next(found)
            keys = ", ".join(_name(name) for name in columns)
            full = " AND ".join(f"{_name(name)} IS NOT NULL" for name in columns)
            grouped = f"SELECT count(*) FROM (SELECT 1 FROM plain WHERE {full} GROUP BY {keys})"  # noqa: S608 - quoted
            distinct = connection.execute(grouped).fetchall()[0][0]
            if isinstance(check, PrimaryKey):
                return Counted(check, rows, rows - distinct)
            return Counted(check, present, present - distinct)
        case _:
            return Counted(check, next(found), next(found))


def _counts(plan: Planned) -> list[str]:
    match plan.check:
        case RowCount():
            return ["count(*)"]
        case Unique(columns=columns) | PrimaryKey(columns=columns):
            return [f"count(*) FILTER ({' AND '.join(f'{_name(name)} IS NOT NULL' for name in columns)})"]
    assert plan.rule is not None  # noqa: S101 - only such are covered
    checked = _checked(plan.rule)
    return [f"count(*) FILTER ({checked})", f"count(*) FILTER ({checked} AND {sql_of(plan.rule.fails)})"]


def _checked(rule: RowRule) -> str:
    asked = [f"{_name(name)} IS NOT NULL" for name in rule.present]
    if rule.given is not None:
        asked.append(sql_of(rule.given))
    return " AND ".join(asked) or "true"


def sql_of(node: Node) -> str:  # noqa: C901, PLR0911 - one case a node
    """Return the node as SQL; texts and names of people enter it only quoted."""
    match node:
        case Column(name=name):
            return _name(name)
        case Constant(value=value):
            return _constant(value)
        case Compared(operator=operator, left=left, right=right):
            return f"({sql_of(left)} {'=' if operator == '==' else operator} {sql_of(right)})"
        case All(parts=parts):
            return f"({' AND '.join(map(sql_of, parts)) or 'true'})"
        case Either(parts=parts):
            return f"({' OR '.join(map(sql_of, parts)) or 'false'})"
        case Not(part=part):
            return f"(NOT {sql_of(part)})"
        case Missing(part=part):
            return f"({sql_of(part)} IS NULL)"
        case Member(part=part, values=values):
            return f"({sql_of(part)} IN ({', '.join(map(_constant, values))}))"
        case Fits(part=part, pattern=pattern):
            return f"regexp_matches({sql_of(part)}, {_text(pattern)})"
        case Computed(operator=operator, left=left, right=right):
            divisor = f"nullif({sql_of(right)}, 0)" if operator == "/" else sql_of(right)
            result = f"({sql_of(left)} {operator} {divisor})"
            return f"(CASE WHEN isnan({result}) THEN NULL ELSE {result} END)"
        case Applied(function=function, part=part):
            return f"{function}({sql_of(part)})"
        case AsFloat(part=part):
            return f"({sql_of(part)}::DOUBLE)"


def _plain(name: str, kind: ColumnType) -> str:
    quoted = _name(name)
    value = f"{quoted}::{SQL_TYPES[kind]}"
    return (
        f"{f'CASE WHEN isnan({value}) THEN NULL ELSE {value} END' if kind is ColumnType.FLOAT else value} AS {quoted}"
    )


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    # no escapes but the doubled quote; a zero byte would end the statement
    return "'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"


def _constant(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}::BIGINT" if value >= 0 else f"({value})::BIGINT"
    if isinstance(value, float):
        return f"{_text(repr(value))}::DOUBLE"
    if isinstance(value, str):
        return f"({_text(value)})"
    kind = "DATE" if not hasattr(value, "tzinfo") else "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
    return f"{_text(value.isoformat())}::{kind}"
