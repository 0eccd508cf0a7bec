"""Checks at the edge of what numbers, names and frames can be: a result for each, and the others run all the same."""

from typing import Any

import pandas as pd
import polars as pl
import pytest

import lyceum
from lyceum.data.quality.engine.public import (
    Check,
    InSet,
    InvalidCheck,
    NotNull,
    Range,
    Unique,
    checks_from_plain,
    run_checks,
)

TABLE = pl.DataFrame({"n": [1, 2, 2**63 - 1], "x": [0.5, -2.5, None], "s": ["a", "b", "a"]}).lazy()


@pytest.mark.parametrize("name", ["__rows__", "rows", "rows_", "surplus"])
def test_repeated_keys_are_counted_whatever_the_column_is_called(name: str) -> None:
    table = pl.DataFrame({name: [1, 1, 1, 2], "b": [1, 1, 2, 2]}).lazy()
    alone, pair = run_checks(table, [Unique(columns=(name,)), Unique(columns=(name, "b"))]).results
    assert (alone.failing, alone.rows_involved) == (2, 3)
    assert (pair.failing, pair.rows_involved) == (1, 2)


@pytest.mark.parametrize(
    "column,value,says",
    [
        ("n", 2**63, "beyond 64 bits"),
        ("n", -(2**63) - 1, "beyond 64 bits"),
        ("n", -(10**400), "beyond 64 bits"),
        ("x", 10**400, "beyond all floats"),
    ],
)
def test_a_number_no_value_can_equal_is_an_error_of_that_check_alone(column: str, value: int, says: str) -> None:
    checks: list[Check] = [InSet(column=column, values=(1, value)), NotNull(column="n")]
    report = run_checks(TABLE, checks)
    assert [result.status for result in report.results] == ["errored", "passed"]
    assert says in report.results[0].sentence


def test_a_set_may_list_every_number_its_column_can_hold() -> None:
    ends = -(2**63), 2**63 - 1
    table = pl.DataFrame({"n": [*ends, 5], "x": [1e19, float(2**70), 5.0]}).lazy()
    checks = [InSet(column="n", values=ends), InSet(column="x", values=(10**19, 2**70))]
    assert [(result.status, result.failing) for result in run_checks(table, checks).results] == [("failed", 1)] * 2


@pytest.mark.parametrize("column", ["n", "x"])
@pytest.mark.parametrize("bound", [2**63, 2**70, 10**400])
def test_bounds_beyond_all_numbers_are_bounds(column: str, bound: int) -> None:
    wide, above = run_checks(
        TABLE, [Range(column=column, min=-bound, max=bound, max_inclusive=False), Range(column=column, min=10**400)]
    ).results
    assert (wide.failing, wide.rows_checked) == (0, above.rows_checked)
    assert above.failing == above.rows_checked


def test_a_bound_outside_the_calendar_is_an_error_of_that_check_alone() -> None:
    times = pl.DataFrame({"at": pl.Series([0]).cast(pl.Datetime("us", "UTC"))}).lazy()
    report = run_checks(times, [Range(column="at", min="0001-01-01T00:00:00+02:00"), NotNull(column="at")])
    assert [result.status for result in report.results] == ["errored", "passed"]


def test_bounds_of_time_are_compared_as_times() -> None:
    plain = {"kind": "range", "column": "at", "min": "2024-01-01T12:00:00", "max": "2024-01-01 13:00:00"}
    assert checks_from_plain([plain])[0].id == "at.range"
    with pytest.raises(InvalidCheck, match="is above max"):
        checks_from_plain([plain | {"min": "2024-01-01 14:00", "max": "2024-01-01T13:00:00"}])


@pytest.mark.parametrize(
    "frame,says",
    [
        (
            pd.DataFrame({"a": [1, 2], "b": [1, "x"]}),
            (
                "The column 'b' holds values of several kinds (int, str); make them all of one, "
                "such as with frame['b'].astype(str)."
            ),
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "The frame has several columns named 'a'; rename all but one."),
    ],
)
def test_a_pandas_frame_that_is_no_table_is_told_in_one_sentence(frame: Any, says: str) -> None:
    with pytest.raises(TypeError) as refused:
        lyceum.check(frame, {"a": "not_null"})
    assert str(refused.value) == says
