"""What a run of many checks keeps."""

import threading
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from lyceum.data.quality import scan
from lyceum.data.quality.work import CheckWork
from lyceum.kernel.jobs.child import ChildSide


def results_of(monkeypatch: pytest.MonkeyPatch, frame: pl.DataFrame, *checks: dict[str, Any]) -> list[dict[str, Any]]:
    monkeypatch.setattr(scan, "scan_unmasked", lambda *_: frame.lazy())
    monkeypatch.setattr(scan, "open_storage", lambda _: None)
    work = CheckWork(
        table_key="t",
        delta_version=1,
        line_of_first_row=None,
        check_ids=[uuid4() for _ in checks],
        definitions=list(checks),
    )
    return scan.scan_checks(work, ChildSide(lambda _: None, threading.Event())).results


@pytest.mark.parametrize("checks,rows_each", [(3, 10), (100, 5), (1000, 1)])
def test_the_failing_rows_of_many_checks_are_fewer_for_each(
    monkeypatch: pytest.MonkeyPatch, checks: int, rows_each: int
) -> None:
    frame = pl.DataFrame({"a": [None] * 50}, schema={"a": pl.Int64})
    kept = results_of(monkeypatch, frame, *[{"kind": "not_null", "column": "a"}] * checks)
    assert {len(result["sample"]) for result in kept} == {rows_each}


def test_a_result_shows_the_first_values_of_a_long_set_and_how_many_more_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pl.DataFrame({"n": [3, -1], "s": ["a", "b"]})
    numbers = {"kind": "in_set", "column": "n", "values": list(range(10_000))}
    texts = {"kind": "in_set", "column": "s", "values": ["a", "x" * 1_000_000]}
    many, long = results_of(monkeypatch, frame, numbers, texts)
    assert (many["failing"], long["failing"]) == (1, 1)
    assert many["check"]["values"] == list(range(20))
    assert many["check"]["values_omitted"] == 9_980
    assert long["check"]["values"] == ["a", "x" * 199 + "…"]
    assert "values_omitted" not in long["check"]
    assert long["sentence"] == f"1 of 2 rows has a s that is not one of 'a', '{'x' * 39}…'; first on row 2."
