"""Polars, generated Python and DuckDB against a plain reading of each check, one value at a time."""

import math
import operator
from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.in_duckdb import counts_in_duckdb
from lyceum.data.quality.engine.public import (
    Check,
    Conditional,
    CrossColumn,
    Expression,
    InSet,
    Length,
    Monotonic,
    NotNull,
    PrimaryKey,
    Range,
    Regex,
    RowCount,
    Type,
    Unique,
    decided_by_rows,
    run_checks,
    small_checks,
)

Row = dict[str, Any]
Decision = tuple[bool, bool]
"""Whether a row is decided on, and whether it fails."""
SCHEMA = {"n": pl.Int64, "m": pl.Int64, "x": pl.Float64, "s": pl.String, "b": pl.Boolean, "d": pl.Date}
TYPES = {name: kind for name, kind in as_plain(pl.LazyFrame(schema=SCHEMA))[1].items() if kind is not None}

numbers = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63)]))
floats = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, -2.0, 1e308]))
texts = st.one_of(st.none(), st.sampled_from(["", "a", "A", "12", "-1.5", "true", "é", "a\nb", "2024-01-31", "ab" * 9]))
days = st.one_of(st.none(), st.dates(date(2024, 1, 1), date(2024, 1, 4)))
row = st.fixed_dictionaries(
    {"n": numbers, "m": numbers, "x": floats, "s": texts, "b": st.one_of(st.none(), st.booleans()), "d": days}
)
tables = st.lists(row, max_size=30)

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def value(row: Row, name: str) -> Any:
    """Return a row's value, with NaN for missing."""
    found = row[name]
    return None if isinstance(found, float) and math.isnan(found) else found


def when_known(function: Callable[..., Any], *values: Any) -> Any:
    return None if any(each is None for each in values) else function(*values)


# each expression with the plain reading of it: True, False or None for unknown
EXPRESSIONS: dict[str, Callable[[Row], Any]] = {
    "n < m": lambda r: when_known(operator.lt, r["n"], r["m"]),
    "n <= 1.5": lambda r: when_known(lambda n: float(n) <= 1.5, r["n"]),
    "n == x": lambda r: when_known(lambda n, x: float(n) == x, r["n"], value(r, "x")),
    "x is None or x > 0": lambda r: True if value(r, "x") is None else value(r, "x") > 0,
    "not (s in ['a', ''])": lambda r: when_known(lambda s: s not in {"a", ""}, r["s"]),
    "s not in ('a', 'é') and n > 0": lambda r: kleene_and(
        when_known(lambda s: s not in {"a", "é"}, r["s"]), when_known(lambda n: n > 0, r["n"])
    ),
    "n > 0 or m > 0": lambda r: kleene_or(when_known(lambda n: n > 0, r["n"]), when_known(lambda m: m > 0, r["m"])),
    "length(s) >= 2": lambda r: when_known(lambda s: len(s) >= 2, r["s"]),
    "lower(s) == 'a'": lambda r: when_known(lambda s: s.lower() == "a", r["s"]),
    "matches(s, '^[a-z]+$')": lambda r: when_known(lambda s: s != "" and all("a" <= c <= "z" for c in s), r["s"]),
    "n / m > 1": lambda r: over(r["n"], r["m"]),
    "x + x > 2 * x": lambda r: computed(value(r, "x")),
    "abs(x) <= 2": lambda r: when_known(lambda x: abs(x) <= 2, value(r, "x")),
    "d >= '2024-01-02'": lambda r: when_known(lambda d: d >= date(2024, 1, 2), r["d"]),
    "b": lambda r: r["b"],
    "b == (n > 0)": lambda r: when_known(lambda b, n: b == (n > 0), r["b"], r["n"]),
    "-1 < n <= 2": lambda r: when_known(lambda n: -1 < n <= 2, r["n"]),
    "is_missing(n + x)": lambda r: computed_sum(r) is None,
    "-n < 0": lambda r: when_known(lambda n: 0.0 - float(n) < 0, r["n"]),
    "col('s') != 'a'": lambda r: when_known(lambda s: s != "a", r["s"]),
}


def kleene_and(*parts: Any) -> Any:
    return False if False in parts else None if None in parts else True


def kleene_or(*parts: Any) -> Any:
    return True if True in parts else None if None in parts else False


def over(n: int | None, m: int | None) -> bool | None:
    return None if n is None or not m else float(n) / float(m) > 1


def computed(x: float | None) -> bool | None:
    if x is None or math.isnan(x + x) or math.isnan(2 * x):
        return None
    return x + x > 2 * x


def computed_sum(r: Row) -> float | None:
    n, x = r["n"], value(r, "x")
    return None if n is None or x is None else float(n) + x


def form(kind: str) -> Callable[[str], bool]:
    def has_form(text: str) -> bool:
        match kind:
            case "integer":
                return text == "12"
            case "float":
                return text in {"12", "-1.5"}
            case "boolean":
                return text == "true"
            case _:
                return text == "2024-01-31"

    return has_form


def decided(check: Check, r: Row) -> Decision:  # noqa: C901, PLR0911, PLR0912 - one case a kind
    match check:
        case NotNull(column=name):
            return True, value(r, name) is None
        case Range(column=name):
            found = value(r, name)
            low, high = (date.fromisoformat(end) if isinstance(end, str) else end for end in (check.min, check.max))
            if found is None:
                return False, False
            below = low is not None and (found < low or (found == low and not check.min_inclusive))
            above = high is not None and (found > high or (found == high and not check.max_inclusive))
            return True, bool(below or above)
        case InSet(column=name, values=values):
            return value(r, name) is not None, value(r, name) is not None and value(r, name) not in values
        case Length(column=name):
            text = r[name]
            short = text is not None and not (check.min or 0) <= len(text) <= (check.max or 99)
            return text is not None, short
        case Regex(column=name):
            text = r[name]
            return text is not None, text is not None and (("a" in text) is check.forbidden)
        case Type(column=name, type=kind):
            return r[name] is not None, r[name] is not None and not form(kind)(r[name])
        case CrossColumn(left=left, right=right):
            one, other = value(r, left), value(r, right)
            if one is None or other is None:
                return False, False
            if isinstance(one, float) or isinstance(other, float):
                one, other = float(one), float(other)
            return True, not OPERATORS[check.operator](one, other)
        case Expression(expression=expression):
            holds = EXPRESSIONS[expression](r)
            return holds is not None, holds is False
        case Conditional(when=when, then=then):
            holds = EXPRESSIONS[then](r)
            asked = EXPRESSIONS[when](r) is True and holds is not None
            return asked, asked and holds is False
        case _:
            raise TypeError(check.id)


def expected(check: Check, table: list[Row]) -> tuple[int, int]:
    match check:
        case RowCount(min=low, max=high):
            return len(table), int(not (low or 0) <= len(table) <= (99 if high is None else high))
        case Unique(columns=columns) | PrimaryKey(columns=columns):
            keys = [tuple(value(r, name) for name in columns) for r in table]
            full = [key for key in keys if None not in key]
            surplus = sum(count - 1 for count in Counter(full).values())
            gaps = len(keys) - len(full)
            return (len(table), gaps + surplus) if isinstance(check, PrimaryKey) else (len(full), surplus)
        case Monotonic(column=name):
            full = [value(r, name) for r in table if value(r, name) is not None]
            holds = {"increasing": operator.lt, "decreasing": operator.gt}[check.direction]
            return len(full), sum(
                not (holds(one, other) or (one == other and not check.strictly)) for one, other in pairwise(full)
            )
    decisions = [decided(check, r) for r in table]
    return sum(each[0] for each in decisions), sum(each[1] for each in decisions)


columns = st.lists(st.sampled_from(list(SCHEMA)), min_size=1, max_size=3, unique=True).map(tuple)
shares = st.sampled_from([0.0, 0.25])
expressions = st.sampled_from(list(EXPRESSIONS))
ROW_CHECKS: list[st.SearchStrategy[Any]] = [
    st.builds(NotNull, column=st.sampled_from(list(SCHEMA)), at_most_failing=shares),
    st.builds(Range, column=st.sampled_from(["n", "x"]), min=st.sampled_from([-1, 0.5]), min_inclusive=st.booleans()),
    st.builds(Range, column=st.sampled_from(["n", "x"]), max=st.sampled_from([1, 2.5]), max_inclusive=st.booleans()),
    st.builds(Range, column=st.just("d"), min=st.just("2024-01-02"), max=st.just("2024-01-03")),
    st.builds(InSet, column=st.sampled_from(["n", "m"]), values=st.just((1, 2, 2**63 - 1))),
    st.builds(InSet, column=st.just("s"), values=st.just(("a", "é"))),
    st.builds(Length, column=st.just("s"), min=st.integers(0, 2), max=st.integers(2, 9)),
    st.builds(Regex, column=st.just("s"), pattern=st.just("a"), forbidden=st.booleans()),
    st.builds(Type, column=st.just("s"), type=st.sampled_from(["integer", "float", "boolean", "date"])),
    st.builds(
        CrossColumn, left=st.sampled_from(["n", "x"]), operator=st.sampled_from(list(OPERATORS)), right=st.just("m")
    ),
    st.builds(Expression, expression=expressions),
    st.builds(Conditional, when=expressions, then=expressions),
]
TABLE_CHECKS: list[st.SearchStrategy[Any]] = [
    st.builds(Unique, columns=columns),
    st.builds(PrimaryKey, columns=columns),
    st.builds(RowCount, min=st.integers(0, 5), max=st.integers(5, 20)),
    st.builds(
        Monotonic,
        column=st.sampled_from(["n", "x", "d", "s"]),
        direction=st.sampled_from(["increasing", "decreasing"]),
        strictly=st.booleans(),
    ),
]
checks = st.one_of(*ROW_CHECKS, *TABLE_CHECKS)


@settings(max_examples=50, deadline=None)
@given(table=tables, asked=st.lists(checks, min_size=1, max_size=8))
def test_frames_and_generated_python_count_as_plain_reading_does(table: list[Row], asked: list[Check]) -> None:
    wanted = [expected(check, table) for check in asked]
    frame = pl.DataFrame(table, schema=SCHEMA, strict=False)
    results = run_checks(frame.lazy(), asked).results
    assert [(result.rows_checked, result.failing) for result in results] == wanted
    small = small_checks(asked, TYPES)
    assert small.counted == tuple(asked)
    assert [(found.checked, found.failing) for found in small.counts(table)] == wanted
    assert [found.fails for found in small.counts(table)] == [result.status == "failed" for result in results]
    assert small.failing(table) == [found for found in small.counts(table) if found.fails]


@settings(max_examples=30, deadline=None)
@given(table=tables, asked=st.lists(st.one_of(*ROW_CHECKS), min_size=1, max_size=6))
def test_generated_python_names_the_first_rows_that_fail(table: list[Row], asked: list[Check]) -> None:
    objects = [SimpleNamespace(**{f"c{place}": row[name] for place, name in enumerate(TYPES)}) for row in table]
    small = small_checks(asked, TYPES, as_fields=True)
    assert [(found.checked, found.failing) for found in small.counts(objects)] == [
        expected(check, table) for check in asked
    ]
    frame = pl.DataFrame(table, schema=SCHEMA, strict=False)
    for check, result in zip(asked, run_checks(frame.lazy(), asked, sample_rows_max=3).results, strict=True):
        assert decided_by_rows(check, TYPES)
        assert small.first_failing(check, objects, at_most=3) == [sample.row for sample in result.sample]


@settings(max_examples=6, deadline=None)
@given(table=tables, asked=st.lists(st.one_of(*ROW_CHECKS, *TABLE_CHECKS[:3]), min_size=4, max_size=16))
def test_duckdb_counts_as_plain_reading_does(table: list[Row], asked: list[Check]) -> None:
    with TemporaryDirectory() as folder:
        part = Path(folder) / "part.parquet"
        pl.DataFrame(table, schema=SCHEMA, strict=False).write_parquet(part)
        found = counts_in_duckdb([part], asked, memory_mb_max=128, threads_max=1)
    assert [(each.checked, each.failing) for each in found] == [expected(check, table) for check in asked]
