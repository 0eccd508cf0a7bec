"""What a run of many checks keeps."""

import threading
from uuid import uuid4

import polars as pl
import pytest

from lyceum.data.quality import scan
from lyceum.data.quality.work import CheckWork
from lyceum.kernel.jobs.child import ChildSide


@pytest.mark.parametrize("checks,rows_each", [(3, 10), (100, 5), (1000, 1)])
def test_the_failing_rows_of_many_checks_are_fewer_for_each(
    monkeypatch: pytest.MonkeyPatch, checks: int, rows_each: int
) -> None:
    frame = pl.DataFrame({"a": [None] * 50}, schema={"a": pl.Int64})
    monkeypatch.setattr(scan, "scan_table", lambda *_: frame.lazy())
    monkeypatch.setattr(scan, "open_storage", lambda _: None)
    work = CheckWork(
        table_key="t",
        delta_version=1,
        line_of_first_row=None,
        check_ids=[uuid4() for _ in range(checks)],
        definitions=[{"kind": "not_null", "column": "a"}] * checks,
    )
    kept = scan.scan_checks(work, ChildSide(lambda _: None, threading.Event())).results
    assert {len(result["sample"]) for result in kept} == {rows_each}
