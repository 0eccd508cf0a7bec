"""Profiles of tables that grow at their end: merged where that is exact, carried on where it is not, read whole now and then."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from lyceum.data.datasets.rows.public import masked_profile
from lyceum.data.quality.engine import profile_growth
from lyceum.data.quality.engine.public import TableProfile, grown_profile, infer_schema, profile_table, schema_of

ROWS = 4_000


@pytest.fixture(autouse=True)
def small_tables_count_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_growth, "COMPLETE_ROWS_MAX", 100)


def _readings(rows: int, *, seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": range(rows),
            "at": [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(rows)],
            "day": [date(2024, 1, 1) + timedelta(days=n // 200) for n in range(rows)],
            "level": [None if n % 37 == 0 else value for n, value in enumerate(random.normal(5, 2, rows))],
            "count": random.poisson(3, rows),
            "place": [["north", "south", "east"][n % 3] if n % 11 else None for n in range(rows)],
            "mail": [f"p{n}@example.org" for n in range(rows)],
            "open": [n % 4 == 0 for n in range(rows)],
        }
    )


def test_what_is_merged_is_what_reading_the_whole_gives() -> None:
    whole = _readings(ROWS)
    before = profile_table(whole.head(ROWS - 300).lazy())
    grown = grown_profile(before, whole.tail(300).lazy())
    complete = profile_table(whole.lazy())
    assert grown is not None
    assert (grown.rows, grown.complete_rows) == (ROWS, ROWS - 300)
    for here, there in zip(grown.columns, complete.columns, strict=True):
        for figure in (
            "name",
            "type",
            "missing",
            "missing_fraction",
            "min",
            "max",
            "order",
            "length_min",
            "length_max",
        ):
            assert getattr(here, figure) == getattr(there, figure), (here.name, figure)
        for figure in ("mean", "std", "length_mean"):
            left, right = getattr(here, figure), getattr(there, figure)
            assert (left is None and right is None) or abs(left - right) <= 1e-9 * abs(right), (here.name, figure)
        assert [(each.value, each.count) for each in here.top_values[:3]] == [
            (each.value, each.count) for each in there.top_values[:3]
        ]
        if here.histogram is not None:
            earlier = before.column(here.name).histogram
            assert earlier is not None
            assert there.histogram is not None
            assert sum(here.histogram.counts) == ROWS - here.missing
            assert (here.histogram.edges[0], len(here.histogram.edges)) == (
                min(earlier.edges[0], there.histogram.edges[0]),
                len(here.histogram.counts) + 1,
            )
    # new ids lie beyond the old ones, so that their number is known; new levels may be old ones
    assert (grown.column("id").distinct, grown.column("id").distinct_is_exact) == (ROWS, True)
    assert not grown.column("level").distinct_is_exact
    assert schema_of(grown) == infer_schema(whole.lazy())


def test_a_profile_that_grew_goes_through_storage_and_grows_again() -> None:
    whole = _readings(ROWS)
    profile = profile_table(whole.head(3_800).lazy())
    for start in range(3_800, ROWS, 50):
        kept = msgspec.convert(msgspec.json.decode(msgspec.json.encode(profile)), TableProfile)
        found = grown_profile(kept, whole.slice(start, 50).lazy())
        assert found is not None
        profile = found
    complete = profile_table(whole.lazy())
    assert profile.rows == ROWS
    for name in ("level", "count", "id"):
        assert profile.column(name).mean == pytest.approx(complete.column(name).mean, abs=1e-9)
        assert profile.column(name).std == pytest.approx(complete.column(name).std, abs=1e-9)


def test_a_table_is_read_whole_when_it_has_grown_by_a_tenth_or_has_other_columns() -> None:
    whole = _readings(ROWS)
    before = profile_table(whole.head(3_000).lazy())
    near = grown_profile(before, whole.slice(3_000, 250).lazy())
    assert near is not None
    assert grown_profile(near, whole.slice(3_250, 100).lazy()) is None
    assert grown_profile(before, whole.slice(3_000, 10).drop("open").lazy()) is None
    assert grown_profile(profile_table(whole.head(50).lazy()), whole.slice(50, 1).lazy()) is None


def test_an_order_that_new_rows_break_is_told_no_more() -> None:
    whole = _readings(ROWS)
    before = profile_table(whole.lazy())
    assert before.column("at").order == "increasing"
    late = grown_profile(before, whole.slice(10, 5).lazy())
    assert late is not None
    assert late.column("at").order is None
    assert not late.column("id").distinct_is_exact


@pytest.mark.parametrize("name", _readings(1).columns)
def test_a_profile_whose_values_were_cut_is_not_grown_from(name: str) -> None:
    whole = _readings(ROWS).with_columns(pl.when(pl.col("level") > 0).then("level").otherwise(float("inf")))
    before = profile_table(whole.head(ROWS - 300).select(name).lazy())
    added = whole.tail(300).select(name).lazy()
    assert grown_profile(before, added) is not None
    cut = masked_profile(msgspec.to_builtins(before), {name: "other"})
    assert grown_profile(msgspec.convert(cut, TableProfile), added) is None
