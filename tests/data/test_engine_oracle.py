"""The engine against plain Python, one value at a time, for every kind of check."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.data.quality.engine.public import (
    Check,
    InSet,
    NotNull,
    Range,
    RowCount,
    Unique,
    checks_from_plain,
    profile_table,
    run_checks,
    suggest_checks,
)

Row = dict[str, Any]
SCHEMA = {"n": pl.Int64, "x": pl.Float64, "s": pl.String, "b": pl.Boolean, "d": pl.Date}

numbers = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63)]))
floats = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, -2.0, 1e308]))
texts = st.one_of(st.none(), st.sampled_from(["", "a", "A", "NA", "é", "a\nb", "x" * 300]))
truths = st.one_of(st.none(), st.booleans())
days = st.one_of(st.none(), st.dates(date(2024, 1, 1), date(2024, 1, 4)))
rows = st.lists(st.fixed_dictionaries({"n": numbers, "x": floats, "s": texts, "b": truths, "d": days}), max_size=30)

shares = st.sampled_from([0.0, 0.1, 0.5, 1.0])


def bounds(low: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    pairs = st.tuples(st.one_of(st.none(), low), st.one_of(st.none(), low))
    ordered = pairs.map(lambda pair: pair if None in pair else tuple(sorted(pair)))
    return ordered.filter(lambda pair: pair != (None, None))


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    column = draw(st.sampled_from(["n", "x", "d"]))
    ends: st.SearchStrategy[Any] = (
        st.dates(date(2024, 1, 1), date(2024, 1, 4)).map(date.isoformat) if column == "d" else st.integers(-3, 3)
    )
    if column == "x":
        ends = st.one_of(ends, st.sampled_from([1.5, -1e308]))
    low, high = draw(bounds(ends))
    return Range(
        column=column,
        min=low,
        max=high,
        min_inclusive=draw(st.booleans()),
        max_inclusive=draw(st.booleans()),
        at_most_failing=draw(shares),
    )


SETS: dict[str, list[Any]] = {
    "n": [1, 2, -3, 2**63 - 1],
    "x": [1.5, 0, -2.0],
    "s": ["a", "", "NA"],
    "b": [True],
    "d": ["2024-01-02"],
}


@st.composite
def in_sets(draw: st.DrawFn) -> InSet:
    column = draw(st.sampled_from(sorted(SETS)))
    values = SETS[column]
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
    return InSet(column=column, values=tuple(chosen), at_most_failing=draw(shares))


checks = st.one_of(
    st.builds(NotNull, column=st.sampled_from(list(SCHEMA)), at_most_failing=shares),
    st.lists(st.sampled_from(list(SCHEMA)), min_size=1, max_size=3, unique=True).flatmap(
        lambda columns: st.builds(Unique, columns=st.just(tuple(columns)), at_most_failing=shares)
    ),
    ranges(),
    in_sets(),
    bounds(st.integers(0, 20)).map(lambda pair: RowCount(min=pair[0], max=pair[1])),
)


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def failing_rows(check: Check, table: list[Row]) -> tuple[int, int, list[int]]:
    """Return how many rows are checked, how many fail, and which rows (from 1) are shown as failing."""
    if isinstance(check, RowCount):
        short = (check.min is not None and len(table) < check.min) or (check.max is not None and len(table) > check.max)
        return len(table), int(short), []
    if isinstance(check, NotNull):
        missing = [place for place, row in enumerate(table, 1) if is_missing(row[check.column])]
        return len(table), len(missing), missing
    if isinstance(check, Unique):
        keys = {place: tuple(row[name] for name in check.columns) for place, row in enumerate(table, 1)}
        present = {place: key for place, key in keys.items() if not any(map(is_missing, key))}
        often = Counter(present.values())
        return (
            len(present),
            sum(count - 1 for count in often.values()),
            [place for place, key in present.items() if often[key] > 1],
        )
    assert isinstance(check, Range | InSet)
    wrong: Callable[[Any], bool] = outside(check) if isinstance(check, Range) else not_in(check)
    present = {place: row[check.column] for place, row in enumerate(table, 1) if not is_missing(row[check.column])}
    failing = [place for place, value in present.items() if wrong(value)]
    return len(present), len(failing), failing


def outside(check: Range) -> Callable[[Any], bool]:
    def wrong(value: Any) -> bool:
        low, high = (date.fromisoformat(end) if isinstance(end, str) else end for end in (check.min, check.max))
        below = low is not None and (value < low or (value == low and not check.min_inclusive))
        above = high is not None and (value > high or (value == high and not check.max_inclusive))
        return bool(below or above)

    return wrong


def not_in(check: InSet) -> Callable[[Any], bool]:
    allowed = {date.fromisoformat(str(value)) if check.column == "d" else value for value in check.values}
    return lambda value: value not in allowed


@settings(max_examples=300, deadline=None)
@given(table=rows, asked=st.lists(checks, min_size=1, max_size=5))
def test_every_check_agrees_with_plain_python(table: list[Row], asked: list[Check]) -> None:
    frame = pl.DataFrame(table, schema=SCHEMA, strict=False)
    report = run_checks(frame.lazy(), asked, sample_rows_max=4, line_of_first_row=2)
    assert report.rows == len(table)
    for check, result in zip(asked, report.results, strict=True):
        checked, failing, shown = failing_rows(check, table)
        assert (result.rows_checked, result.failing) == (checked, failing), result
        assert [row.row for row in result.sample] == shown[:4]
        assert [row.line for row in result.sample] == [place + 1 for place in shown[:4]]
        tolerated = getattr(check, "at_most_failing", 0.0)
        assert result.status == ("passed" if failing <= tolerated * checked else "failed")
        if isinstance(check, Unique):
            assert result.rows_involved == len(shown)


@settings(max_examples=50, deadline=None)
@given(asked=st.lists(checks, max_size=6))
def test_checks_survive_json(asked: list[Check]) -> None:
    once = checks_from_plain(msgspec.json.decode(msgspec.json.encode(asked)))
    assert [type(check) for check in once] == [type(check) for check in asked]
    assert checks_from_plain(msgspec.json.decode(msgspec.json.encode(once))) == once


@settings(max_examples=60, deadline=None)
@given(table=rows, times=st.sampled_from([1, 40]))
def test_the_profile_agrees_with_plain_python_and_its_checks_pass(table: list[Row], times: int) -> None:
    table = table * times
    frame = pl.DataFrame(table, schema=SCHEMA, strict=False)
    profile = profile_table(frame.lazy())
    assert profile.rows == len(table)
    for column in profile.columns:
        values = [row[column.name] for row in table]
        present = [value for value in values if not is_missing(value)]
        finite = [value for value in present if not isinstance(value, float) or math.isfinite(value)]
        assert column.missing == len(values) - len(present)
        assert column.distinct == len(set(present))
        assert column.infinite == len(present) - len(finite)
        if column.histogram is not None:
            assert sum(column.histogram.counts) == len(finite)
            assert len(column.histogram.edges) == len(column.histogram.counts) + 1
        if column.name == "n" and finite:
            assert (column.min, column.max) == (min(finite), max(finite))
        counts = Counter(present)
        for top in column.top_values:
            if column.name in {"n", "b"}:
                assert counts[top.value] == top.count
    fields = [tuple(None if is_missing(row[name]) else row[name] for name in SCHEMA) for row in table]
    assert profile.duplicate_rows == len(fields) - len(set(fields))

    suggested = suggest_checks(profile)
    report = run_checks(frame.lazy(), [each.check for each in suggested])
    for each, result in zip(suggested, report.results, strict=True):
        assert (result.status == "passed") is not each.finds_fault, (each, result)
