"""Profiles, checks, suggestions and the notebook call, as a data engineer meets them."""

import json
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import lyceum
from lyceum.data.quality.engine import uniqueness
from lyceum.data.quality.engine.public import (
    Check,
    InSet,
    InvalidCheck,
    NotNull,
    Range,
    RowCount,
    Unique,
    checks_from_plain,
    infer_schema,
    profile_table,
    run_checks,
    suggest_checks,
)


def flights(rows: int = 18_000) -> pl.DataFrame:
    return pl.DataFrame({"flight_id": range(rows), "dep_hour": [n % 24 for n in range(rows)]})


def sentence(frame: pl.DataFrame, check: Any, **options: Any) -> str:
    return run_checks(frame.lazy(), [check], **options).results[0].sentence


def test_a_failing_range_says_how_many_rows_and_where_first() -> None:
    frame = flights().with_columns(
        dep_hour=pl.when(pl.col("flight_id").is_in([411, 999, 5000])).then(31).otherwise("dep_hour")
    )
    check = Range(column="dep_hour", min=0, max=23)
    assert sentence(frame, check) == "3 of 18,000 rows have dep_hour above 23; first on row 412."
    assert sentence(frame, check, line_of_first_row=2).endswith("first on row 412 (line 413).")


@pytest.mark.parametrize(
    "check,says",
    [
        (NotNull(column="a"), "1 of 4 rows has no a; first on row 3."),
        (NotNull(column="b"), "All 4 rows have b."),
        (Unique(columns=("b",)), "2 of 4 rows repeat the b of an earlier row (3 rows share theirs); first on row 1."),
        (Unique(columns=("a", "b")), "All 3 combinations of a, b are different."),
        (Range(column="a", min=2), "1 of 3 rows has a below 2; first on row 1."),
        (Range(column="a", min=1.5, max=3.5), "2 of 3 rows have a below 1.5 or above 3.5; first on row 1."),
        (Range(column="a", max=4), "All 3 values of a are at most 4."),
        (InSet(column="b", values=("x",)), "1 of 4 rows has a b that is not one of 'x'; first on row 4."),
        (InSet(column="b", values=("x", "y")), "All 4 values of b are among the 2 allowed."),
        (RowCount(min=5), "The table has 4 rows; at least 5 are asked."),
        (RowCount(min=1, max=10), "The table has 4 rows; between 1 and 10 are asked."),
        (NotNull(column="a", at_most_failing=0.5), "1 of 4 rows has no a (25 %, 50 % is tolerated); first on row 3."),
        (NotNull(column="zz"), "The check reads the column 'zz', which the table does not have."),
        (
            NotNull(column="dep_huor"),
            "The check reads the column 'dep_huor', which the table does not have (the closest",
        ),
        (Range(column="b", min=1), "The check compares 'b' with bounds, but it holds string values; a range is for"),
        (Range(column="a", min="2024-01-01"), "The check gives the text '2024-01-01' as a bound of 'a', which holds"),
        (InSet(column="a", values=("1",)), "The check lists '1' for 'a', which holds integer values."),
        (NotNull(column="tags"), "The check reads the column 'tags', which holds lists, structs or bytes."),
    ],
)
def test_each_outcome_is_one_sentence(check: Any, says: str) -> None:
    frame = pl.DataFrame({"a": [1, 2, None, 4], "b": ["x", "x", "x", "y"], "dep_hour": [1] * 4, "tags": [["p"]] * 4})
    assert sentence(frame, check).startswith(says)


def test_a_check_that_cannot_run_is_errored_and_blocks() -> None:
    report = run_checks(flights(3).lazy(), [NotNull(column="nope"), NotNull(column="flight_id")])
    assert [result.status for result in report.results] == ["errored", "passed"]
    assert not report.passed
    assert run_checks(flights(3).lazy(), [NotNull(column="nope", severity="warning")]).passed


def test_an_empty_table_passes_all_but_a_row_count() -> None:
    frame = flights(0)
    asked: list[Check] = [
        NotNull(column="dep_hour"),
        Unique(columns=("flight_id",)),
        Range(column="dep_hour", max=1),
        RowCount(min=1),
    ]
    report = run_checks(frame.lazy(), asked)
    assert [result.status for result in report.results] == ["passed", "passed", "passed", "failed"]
    assert report.results[0].sentence == "There are no rows to check."


def test_a_column_without_any_value_fits_every_check_but_completeness() -> None:
    frame = pl.DataFrame({"a": [None, None]}, schema={"a": pl.String})
    in_range, complete = run_checks(frame.lazy(), [Range(column="a", min=0), NotNull(column="a")]).results
    assert (in_range.status, in_range.sentence) == ("passed", "There are no values of a to check.")
    assert complete.failing == 2


def test_nan_counts_as_missing_and_infinity_as_a_value() -> None:
    frame = pl.DataFrame({"x": [1.0, math.nan, None, math.inf]})
    missing, in_range = run_checks(frame.lazy(), [NotNull(column="x"), Range(column="x", max=10)]).results
    assert (missing.failing, missing.rows_checked) == (2, 4)
    assert (in_range.failing, in_range.rows_checked) == (1, 2)
    profile = profile_table(frame.lazy()).column("x")
    assert (profile.missing, profile.infinite, profile.max, profile.mean) == (2, 1, 1.0, 1.0)


def test_dates_and_times_have_ranges_in_iso() -> None:
    frame = pl.DataFrame(
        {
            "day": [date(2024, 1, 1), date(2024, 6, 1)],
            "at": [datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 1, 12, tzinfo=UTC)],
        }
    )
    day, at, wrong = run_checks(
        frame.lazy(),
        [
            Range(column="day", max="2024-05-31"),
            Range(column="at", min="2024-01-01T12:30:00+02:00"),
            Range(column="day", max="yesterday"),
        ],
    ).results
    assert (day.failing, day.sentence) == (1, "1 of 2 rows has day above 2024-05-31; first on row 2.")
    assert at.failing == 1
    assert (
        wrong.sentence == "The check gives 'yesterday' as a bound of 'day', which is no date; write it as 2024-12-31."
    )


def test_a_sample_is_bounded_and_shows_what_the_check_reads_first() -> None:
    wide = pl.DataFrame({f"c{n}": [1] * 100 for n in range(60)}).with_columns(last=pl.lit("y" * 1000))
    result = run_checks(wide.lazy(), [InSet(column="last", values=("x",))], sample_rows_max=3).results[0]
    assert [row.row for row in result.sample] == [1, 2, 3]
    assert len(result.sample[0].values) == 40
    name, value = next(iter(result.sample[0].values.items()))  # noqa: PD011 - a row of a report, not of pandas
    assert (name, len(value)) == ("last", 200)


def test_masked_columns_appear_nowhere_in_the_report() -> None:
    frame = pl.DataFrame({"salary": [10, 20, 987654], "name": ["Ann", "Ann", "Bob"]})
    asked: list[Check] = [Range(column="salary", min=15, max=1000), Unique(columns=("name",))]
    report = run_checks(frame.lazy(), asked, masked={"salary", "name"})
    text = json.dumps(report.to_plain())
    assert "987654" not in text
    assert "Ann" not in text
    covered = report.to_plain()["results"][0]["sample"][0]["values"]
    assert covered == {"salary": "•••", "name": "•••"}


def test_uniqueness_is_exact_when_the_hashes_are_taken_in_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"k": [*range(5000), *range(37), 7]})
    whole = uniqueness.duplicates_in(frame.lazy(), ["k"], rows=frame.height)
    monkeypatch.setattr(uniqueness, "HASHES_HELD_MAX", 700)
    parts = uniqueness.duplicates_in(frame.lazy(), ["k"], rows=frame.height)
    assert (whole.surplus, whole.involved) == (parts.surplus, parts.involved) == (38, 75)
    assert whole.compared == parts.compared == 5038


@pytest.mark.parametrize(
    "plain,says",
    [
        ([{"kind": "not_nul", "column": "a"}], "Check 1 is of the unknown kind 'not_nul'; did you mean 'not_null'?"),
        (
            [{"kind": "zzz"}],
            "Check 1 is of the unknown kind 'zzz'; use one of not_null, unique, range, in_set, row_count, ",
        ),
        ([{"column": "a"}], "Check 1 is of the unknown kind None; use one of"),
        ([{"kind": "not_null", "column": 5}], "Check 1 (not_null): column: expected a text, got a whole number."),
        ([{"kind": "not_null"}], "Check 1 (not_null): object missing required field 'column'."),
        (
            [{"kind": "not_null", "column": "a", "colour": 1}],
            "Check 1 (not_null): object contains unknown field 'colour'.",
        ),
        ([{"kind": "range", "column": "a"}], "Check 1 (range): give min, max or both."),
        ([{"kind": "range", "column": "a", "min": 5, "max": 1}], "Check 1 (range): min 5 is above max 1."),
        (
            [{"kind": "range", "column": "a", "min": 5, "max": "x"}],
            "Check 1 (range): min and max are both numbers or both",
        ),
        ([{"kind": "not_null", "column": "a", "at_most_failing": 2}], "Check 1 (not_null): at_most_failing is a share"),
        ([{"kind": "unique", "columns": []}], "Check 1 (unique): columns names each column once, and at least one."),
        ([{"kind": "row_count", "min": -1}], "Check 1 (row_count): a count is not below zero."),
        ([5], "Check 1 is not an object with a kind"),
        ({"kind": "unique"}, "The checks are not a list"),
        (
            [{"kind": "unique", "columns": ["depp_hour"]}],
            "reads the column 'depp_hour', which the table does not have (the closest is 'dep_hour').",
        ),
    ],
)
def test_a_wrong_check_is_refused_in_one_sentence(plain: Any, says: str) -> None:
    with pytest.raises(InvalidCheck) as refused:
        checks_from_plain(plain, schema=infer_schema(flights(3).with_columns(a=1).lazy()))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_ids_are_made_distinct() -> None:
    twice = checks_from_plain([{"kind": "not_null", "column": "a"}] * 3)
    assert [check.id for check in twice] == ["a.not_null", "a.not_null-2", "a.not_null-3"]


def test_the_schema_says_which_columns_are_complete() -> None:
    schema = infer_schema(pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [1.0, math.nan]}).lazy())
    assert [(column.name, column.type.value, column.nullable) for column in schema.columns] == [
        ("a", "integer", True),
        ("b", "string", False),
        ("c", "float", True),
    ]


def test_a_profile_has_figures_for_every_type() -> None:
    frame = pl.DataFrame(
        {
            "n": [1, 2, 2, None],
            "s": ["a", "bbb", "a", None],
            "d": [date(2024, 1, 1), date(2024, 1, 3), None, None],
            "b": [True, True, False, None],
        }
    )
    profile = profile_table(frame.lazy())
    number, text, day, truth = profile.columns
    assert (number.min, number.max, number.mean, number.distinct) == (1, 2, 5 / 3, 2)
    assert number.quantiles is not None
    assert number.quantiles["0.5"] == 2.0
    assert number.histogram is not None
    assert (number.histogram.edges, number.histogram.counts) == ((1, 2, 3), (1, 2))
    assert (text.length_min, text.length_max, text.top_values[0].value, text.top_values[0].count) == (1, 3, "a", 2)
    assert (day.min, day.max) == ("2024-01-01", "2024-01-03")
    assert day.histogram is not None
    assert day.histogram.edges[0] == "2024-01-01"
    assert [(top.value, top.count) for top in truth.top_values] == [(True, 2), (False, 1)]
    assert profile.duplicate_rows == 0
    assert json.loads(json.dumps(profile.to_plain()))["columns"][0]["name"] == "n"


def test_tables_without_rows_or_readable_columns_have_a_profile() -> None:
    assert profile_table(flights(0).lazy()).rows == 0
    assert profile_table(pl.DataFrame({"tags": [["a"], ["b"]]}).lazy()).columns == ()
    assert suggest_checks(profile_table(flights(0).lazy())) == ()


def test_suggestions_name_the_reason_and_point_at_faults() -> None:
    rows = 1000
    frame = pl.DataFrame(
        {
            "order_id": [*range(rows - 2), 5, 6],
            "city": [*(["Berlin"] * 600), *(["Hamburg"] * 399), "Berlim"],
            "age": [*([20, 30, 40, 50] * 249), 35, 36, 37, -999],
            "filled": [*(["x"] * (rows - 1)), None],
            "hour": [n % 24 for n in range(rows)],
            "price": [n / 7 for n in range(rows)],
        }
    )
    suggested = {each.check.id: each for each in suggest_checks(profile_table(frame.lazy()))}
    faults = {name for name, each in suggested.items() if each.finds_fault}
    assert faults == {"order_id.unique", "city.in_set", "age.range", "filled.not_null"}
    assert suggested["city.in_set"].reason == ("city takes 2 values; 'Berlim' (once) looks like 'Berlin' misspelt.")
    assert suggested["hour.range"].check == Range(column="hour", min=0, max=23, severity="warning")
    assert suggested["price.range"].check == Range(column="price", min=0, severity="warning")
    report = run_checks(frame.lazy(), [each.check for each in suggested.values()])
    assert {result.check.id for result in report.results if result.status == "failed"} == faults
    assert report.passed, "a suspected fault warns, and refuses nothing"


def test_check_takes_compact_wishes_for_pandas_and_polars() -> None:
    frame = pl.DataFrame({"id": [1, 2, 2], "hour": [1.0, math.nan, 25.0], "origin": ["EWR", "JFK", None]})
    asked: dict[str, Any] = {
        "id": ["not_null", "unique"],
        "hour": {"range": [0, 23], "at_most_failing": 0.1},
        "origin": [{"in_set": ["EWR", "JFK"]}, {"not_null": True, "severity": "warning"}],
        "*": {"row_count": [2, None]},
    }
    frames: list[Any] = [frame, frame.lazy(), frame.to_pandas(), frame.to_arrow()]
    reports = [repr(lyceum.check(each, asked)) for each in frames]
    assert reports[0].splitlines() == [
        "6 checks on 3 rows: 3 passed, 3 failed, 0 could not be run",
        "  ok     id.not_null      All 3 rows have id.",
        "  FAIL   id.unique        1 of 3 rows repeats the id of an earlier row (2 rows share theirs); first on row 2.",
        "  FAIL   hour.range       1 of 2 rows has hour above 23 (50 %, 10 % is tolerated); first on row 3.",
        "  ok     origin.in_set    All 2 values of origin are among the 2 allowed.",
        "  warn   origin.not_null  1 of 3 rows has no origin; first on row 3.",
        "  ok     row_count        The table has 3 rows; at least 2 are asked.",
    ]
    assert len(set(reports)) == 1


def test_check_without_checks_runs_what_the_data_suggests() -> None:
    report = lyceum.check(pd.DataFrame({"id": range(100), "hour": [n % 24 for n in range(100)]}))
    assert report.passed
    assert {"row_count", "id.unique", "hour.range"} <= {result.check.id for result in report.results}


@pytest.mark.parametrize("wish", ["nul", 5, {"between": [1, 2]}, {"range": 5}])
def test_check_refuses_a_wish_it_does_not_know(wish: Any) -> None:
    with pytest.raises(InvalidCheck):
        lyceum.check(flights(3), {"dep_hour": wish})


def test_check_takes_frames_only() -> None:
    with pytest.raises(TypeError, match="a Polars or pandas frame or an Arrow table, not list"):
        lyceum.check([1, 2, 3])


def test_the_package_has_nothing_it_does_not_name() -> None:
    with pytest.raises(AttributeError, match="module 'lyceum' has no attribute 'nothing'"):
        lyceum.nothing  # noqa: B018 - the access is the test


def test_notebook_types_beyond_the_seven_are_read_where_they_can_be() -> None:
    frame = pl.DataFrame(
        {
            "money": pl.Series(["1.10", "2.20"]).cast(pl.Decimal(10, 2)),
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "small": pl.Series([1, 2], dtype=pl.Int8),
            "u64": pl.Series([1, 2], dtype=pl.UInt64),
        }
    )
    asked = {"money": {"max": 2}, "kind": {"in_set": ["a"]}, "small": {"range": [1, 2]}, "u64": {"min": 2}}
    assert [result.failing for result in lyceum.check(frame, asked).results] == [1, 1, 0, 1]


def test_a_parquet_scan_gives_the_same_report_as_a_frame(tmp_path: Path) -> None:
    frame = flights(50_000).with_columns(dep_hour=pl.col("dep_hour") + (pl.col("flight_id") % 4999 == 0) * 30)
    for part in range(5):
        frame.slice(part * 10_000, 10_000).write_parquet(tmp_path / f"{part}.parquet", row_group_size=1500)
    asked: list[Check] = [Range(column="dep_hour", max=23), Unique(columns=("dep_hour",))]
    scanned = run_checks(pl.scan_parquet(tmp_path / "*.parquet"), asked)
    assert scanned == run_checks(frame.lazy(), asked)
    assert scanned.results[0].sample[1].row == 5000
