"""Rows that are isolated among the others, as a check: usual in each column, and not in what they hold together."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from lyceum.data.quality.engine.public import (
    InvalidCheck,
    checks_from_plain,
    failing_rows,
    is_mergeable,
    run_checks,
)

ROWS = 3_000


def _flats(rows: int = ROWS) -> pl.DataFrame:
    random = np.random.default_rng(7)
    size = random.normal(80, 5, rows)
    return pl.DataFrame(
        {
            "size": size,
            "rent": [None if n % 50 == 3 else value for n, value in enumerate(size * 12 + random.normal(0, 20, rows))],
            "town": random.choice(["Bonn", "Ulm", "Kiel"], rows),
            "let_on": pl.Series(["2024-01-01"] * rows).str.to_date(),
        }
    )


def _run(frame: pl.DataFrame, **asked: Any) -> Any:
    plain = {"kind": "outliers", "method": "isolation_forest", "columns": ["size", "rent", "town"], **asked}
    [result] = run_checks(frame.lazy(), checks_from_plain([plain])).results
    return result


def test_a_row_that_is_isolated_among_the_others_fails_the_check_and_is_named() -> None:
    usual = _flats()
    assert _run(usual).sentence == "None of 3,000 rows is isolated beyond 0.65 by size, rent, town."
    odd = pl.DataFrame({"size": [260.0], "rent": [40.0], "town": ["Rom"], "let_on": [usual["let_on"][0]]})
    frame = pl.concat([usual.head(1_000), odd, usual.tail(2_000)])
    result = _run(frame, severity="error")
    assert (result.status, result.failing, result.rows_checked) == ("failed", 1, 3_001)
    assert (result.sample[0].row, result.sample[0].values["town"]) == (1_001, "Rom")
    assert result.sentence == "Isolated beyond 0.65 by size, rent, town: 1 of 3,001 rows; first on row 1,001."
    # the same rows are found however often, and all of them are to be had as a table
    assert _run(frame) == result
    taken = failing_rows(frame.lazy(), [result.check])
    assert taken is not None
    assert taken.collect()["row_number"].to_list() == [1_001]
    assert _run(frame, at_most_failing=0.001).status == "passed"


def test_isolated_rows_need_the_whole_table_and_enough_of_it() -> None:
    [check] = checks_from_plain([{"kind": "outliers", "method": "isolation_forest", "columns": ["size", "rent"]}])
    assert not is_mergeable(check)
    assert _run(_flats(9)).status == "skipped"
    assert _run(_flats(20).with_columns(pl.lit(None, pl.Float64).alias("size")), columns=["size"]).status == "skipped"
    misfit = _run(_flats(20), columns=["size", "let_on"])
    assert (misfit.status, misfit.sentence) == (
        *("errored", "The check looks for isolated rows by 'let_on', which holds date values."),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"columns": ["a"]},
        {"column": "a", "columns": ["b"]},
        {"method": "isolation_forest", "column": "a"},
        {"method": "isolation_forest"},
        {"method": "isolation_forest", "columns": ["a", "a"]},
        {"method": "isolation_forest", "columns": ["a"], "reference": "previous"},
        {"method": "isolation_forest", "columns": ["a"], "score_max": 1},
        {"method": "isolation_forest", "columns": ["a"], "partition_by": "b"},
    ],
)
def test_outliers_that_say_too_little_or_too_much_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidCheck):
        checks_from_plain([{"kind": "outliers", **wrong}])
