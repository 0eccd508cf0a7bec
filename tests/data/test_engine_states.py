"""States of parts: whichever way they are cut and merged, they come to what the whole table does."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.data.quality.engine import states as states_of_parts
from lyceum.data.quality.engine.public import (
    StatesDiffer,
    Surroundings,
    TableState,
    checks_from_plain,
    measure,
    merged_states,
    reference_of,
    report_of,
    run_checks,
    state_from_bytes,
)
from lyceum.data.quality.engine.states import Categories

SCHEMA = {"id": pl.Int64, "x": pl.Float64, "s": pl.String, "d": pl.Date}
REFERENCE = reference_of(pl.LazyFrame({"x": [n / 7 for n in range(300)], "s": ["a", "b", "c"] * 100}))
AROUND = Surroundings(now=datetime(2024, 6, 10, tzinfo=UTC), references={"reference": REFERENCE, "previous": REFERENCE})
CHECKS = checks_from_plain(
    [
        {"kind": "row_count", "min": 20},
        {"kind": "volume"},
        {"kind": "not_null", "column": "x", "at_most_failing": 0.2},
        {"kind": "not_null", "column": "x", "partition_by": "s"},
        {"kind": "completeness", "column": "s", "min_share": 0.9},
        {"kind": "unique", "columns": ["id"]},
        {"kind": "unique", "columns": ["id", "s"]},
        {"kind": "primary_key", "columns": ["id", "d"]},
        {"kind": "range", "column": "id", "min": 0, "max": 40},
        {"kind": "range", "column": "d", "min": "2024-02-01"},
        {"kind": "in_set", "column": "s", "values": ["a", "b"]},
        {"kind": "expression", "expression": "x > id or s == 'a'"},
        {"kind": "monotonic", "column": "id"},
        {"kind": "monotonic", "column": "d", "direction": "decreasing", "strictly": True},
        {"kind": "freshness", "column": "d", "age_seconds_max": 864_000},
        *(
            {"kind": "statistic", "column": "x", "statistic": of, "min": 1}
            for of in ("mean", "std", "sum", "min", "max")
        ),
        {"kind": "outliers", "column": "x", "reference": "reference"},
        *(
            {"kind": "drift", "columns": ["x", "s"], "method": method, "rows_min": 5}
            for method in ("psi", "jensen_shannon", "chi_square")
        ),
        {"kind": "range", "column": "s", "min": 3},
    ]
)

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-5, 50)),
        st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([float("inf"), float("nan")])),
        st.sampled_from([None, "a", "b", "c", "new"]),
        st.one_of(st.none(), st.dates(datetime(2024, 1, 1).date(), datetime(2024, 6, 1).date())),  # noqa: DTZ001 - a day
    ),
    min_size=1,
    max_size=60,
)


def alike(one: Any, other: Any) -> bool:
    """Return whether two plain values are equal, floats to 1e-9 of their size."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-9, nan_ok=True)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def cut(frame: pl.DataFrame, places: Sequence[int]) -> list[pl.DataFrame]:
    ends = [0, *sorted(min(place, frame.height) for place in places), frame.height]
    return [frame.slice(start, end - start) for start, end in pairwise(ends)]


@settings(max_examples=25, deadline=None)
@given(table=rows, places=st.lists(st.integers(0, 60), max_size=3), data=st.data())
def test_merging_any_split_equals_the_whole(table: list[Any], places: list[int], data: st.DataObject) -> None:
    frame = pl.DataFrame(table, schema=SCHEMA, orient="row")
    whole = measure(frame.lazy(), CHECKS, around=AROUND)
    parts = [state_from_bytes(measure(part.lazy(), CHECKS, around=AROUND).to_bytes()) for part in cut(frame, places)]
    while len(parts) > 1:
        place = data.draw(st.integers(0, len(parts) - 2))
        parts[place : place + 2] = [parts[place].merged(parts[place + 1])]
    assert alike(msgspec.to_builtins(parts[0]), msgspec.to_builtins(whole))
    merged, direct = report_of(parts[0], CHECKS, around=AROUND), run_checks(frame.lazy(), CHECKS, around=AROUND)
    for one, other in zip(merged.results, direct.results, strict=True):
        if other.status == "errored" or one.status == "errored":
            continue
        counts = (one.status, one.rows_checked, one.failing, one.rows_involved)
        assert counts == (other.status, other.rows_checked, other.failing, other.rows_involved), one.check.id
        assert alike(one.metrics, other.metrics), one.check.id
        assert [replace(part) for part in one.partitions] == list(other.partitions)


def test_a_state_says_the_same_in_another_process(tmp_path: Any) -> None:
    frame = pl.DataFrame({"id": [*range(1000), 5], "s": [f"k{n % 900}" for n in range(1001)]})
    frame.write_parquet(tmp_path / "part.parquet")
    checks = checks_from_plain([{"kind": "unique", "columns": ["id", "s"]}, {"kind": "unique", "columns": ["s"]}])
    code = (
        "import polars as pl, sys; from lyceum.data.quality.engine.public import *; "
        "checks = checks_from_plain([{'kind': 'unique', 'columns': ['id', 's']}, {'kind': 'unique', 'columns': ['s']}]); "
        f"sys.stdout.buffer.write(measure(pl.scan_parquet({str(tmp_path / 'part.parquet')!r}), checks).to_bytes())"
    )
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    here = measure(frame.lazy(), checks)
    assert state_from_bytes(there) == here
    both = merged_states([here, state_from_bytes(there)])
    alone, text = report_of(both, checks).results
    assert (alone.rows_checked, alone.failing, alone.rows_involved) == (2002, 1001, 2002)
    assert (text.failing, text.rows_involved) == (2002 - 900, 2002)


def test_states_of_other_checks_versions_and_references_do_not_merge() -> None:
    part = pl.LazyFrame({"x": [1.0, 2.0]})
    checks = checks_from_plain([{"kind": "drift", "columns": ["x"], "rows_min": 2}])
    one = measure(part, checks, around=AROUND)
    with pytest.raises(StatesDiffer, match="different checks"):
        one.merged(measure(part, checks_from_plain([{"kind": "row_count", "min": 1}]), around=AROUND))
    other = reference_of(pl.LazyFrame({"x": [float(n) for n in range(100)]}))
    with pytest.raises(StatesDiffer, match="different references"):
        one.merged(measure(part, checks, around=Surroundings(references={"previous": other})))
    with pytest.raises(StatesDiffer, match="version 99"):
        state_from_bytes(msgspec.msgpack.encode(TableState(version=99, plan="", rows=0, states={})))
    with pytest.raises(StatesDiffer, match="cannot be read"):
        state_from_bytes(b"\x00nothing")


def test_categories_beyond_the_cap_merge_alike_from_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_of_parts, "CATEGORIES_MAX", 3)
    parts = [Categories(1, {name: 1}) for name in "abcd"]
    left = parts[0].merged(parts[1]).merged(parts[2]).merged(parts[3])
    right = parts[0].merged(parts[1].merged(parts[2].merged(parts[3])))
    assert left == right == Categories(4, None)
    assert parts[0].merged(Categories(2, {"a": 2})) == Categories(3, {"a": 3})


def test_what_cannot_be_merged_says_so() -> None:
    checks = checks_from_plain([{"kind": "sql", "query": "SELECT * FROM data WHERE false"}])
    result = report_of(measure(pl.LazyFrame({"x": [1]}), checks), checks).results[0]
    assert (result.status, "cannot be run in parts" in result.sentence) == ("errored", True)
