"""A version that only appended is checked by its new rows alone, and its results are those of a whole run."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, csv_of, dataset_with, ok, until
from lyceum.data.datasets.table_store import TableContent, TableFile
from lyceum.data.quality import growing, scan
from lyceum.data.quality.engine import public as engine
from lyceum.data.quality.engine.public import Surroundings
from lyceum.data.quality.work import CheckedTable, CheckWork
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, open_storage
from make.accounts import Member

NOW = datetime(2024, 6, 1, tzinfo=UTC)
CHECKS: list[dict[str, Any]] = [
    {"kind": "row_count", "min": 10, "max": 10_000},
    {"kind": "volume", "fall_max": 0.5},
    {"kind": "not_null", "column": "id"},
    {"kind": "not_null", "column": "x", "at_most_failing": 0.5},
    {"kind": "completeness", "column": "x", "min_share": 0.6},
    {"kind": "unique", "columns": ["id"]},
    {"kind": "primary_key", "columns": ["id", "place"]},
    {"kind": "range", "column": "id", "min": 0},
    {"kind": "range", "column": "x", "max": 900.0},
    {"kind": "range", "column": "x", "max": 900.0, "partition_by": "place"},
    {"kind": "range", "column": "day", "min": "2024-01-01"},
    {"kind": "range", "column": "at", "min": "2024-01-01"},
    {"kind": "range", "column": "local", "min": "2024-01-01"},
    {"kind": "in_set", "column": "place", "values": ["a", "b", "c", "d"], "partition_by": "place"},
    {"kind": "not_null", "column": "x", "partition_by": "day", "at_most_failing": 0.3},
    {"kind": "length", "column": "place", "max": 1},
    {"kind": "regex", "column": "place", "pattern": "^[a-d]$"},
    {"kind": "type", "column": "id", "type": "integer"},
    {"kind": "expression", "expression": "x < 2000"},
    *({"kind": "statistic", "column": "x", "statistic": name, "min": 0} for name in ("mean", "std", "sum", "min")),
    {"kind": "statistic", "column": "whole", "statistic": "sum", "max": 3_000},
    {"kind": "monotonic", "column": "id", "direction": "increasing", "strictly": True},
    {"kind": "monotonic", "column": "day", "direction": "increasing"},
    *({"kind": "freshness", "column": name, "age_seconds_max": 1_000_000_000} for name in ("day", "at", "local")),
    {"kind": "freshness", "column": "absent", "age_seconds_max": 1_000_000_000},
    {"kind": "drift", "columns": ["x"], "reference": "previous"},
    {"kind": "sql", "query": "SELECT * FROM data WHERE id < 0"},
    {"kind": "schema", "columns": [{"name": "id", "type": "integer"}], "more_columns": "allowed"},
]


class Table:
    """A table in files, each row of which an engine that is asked for it would read."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch) -> None:
        self.folder, self.names, self.measured = folder, list[str](), list[int]()
        (folder / "t").mkdir()
        measure = engine.measure

        def counting(rows: pl.LazyFrame, *given: Any, **more: Any) -> Any:
            state = measure(rows, *given, **more)
            self.measured.append(state.rows)
            return state

        patched.setattr(growing, "ROWS_KEPT_MIN", 100)
        patched.setattr(growing, "measure", counting)
        patched.setattr(scan, "measure", counting)
        patched.setattr(growing, "content_of_version", lambda *_: self._content())
        patched.setattr(scan, "scan_unmasked", lambda *_: self.rows())
        patched.setattr(scan, "open_storage", lambda _: self._storage())
        patched.setattr(scan, "around_of", lambda *_: Surroundings(now=NOW))

    def add(self, name: str, frame: pl.DataFrame) -> None:
        frame.write_parquet(self.folder / "t" / name)
        self.names = sorted([*self.names, name])

    def rows(self) -> pl.LazyFrame:
        return pl.scan_parquet([self.folder / "t" / name for name in self.names])

    def check(self, kept: bytes | None, *, whole: bool = False, checks: Any = CHECKS, **more: Any) -> CheckedTable:
        work = CheckWork(
            table_key="t",
            delta_version=len(self.names),
            line_of_first_row=None,
            check_ids=[uuid4() for _ in checks],
            definitions=checks,
            keeps_state=not whole,
            kept=kept,
            **more,
        )
        return scan.scan_checks(work, ChildSide(lambda _: None, threading.Event()))

    def _content(self) -> TableContent:
        return TableContent(tuple(TableFile(name, 1, self._count(name)) for name in self.names), "{}")

    def _count(self, name: str) -> int:
        return pl.read_parquet(self.folder / "t" / name).height

    def _storage(self) -> Storage:
        from lyceum.kernel.config import settings

        return replace(open_storage(settings()), url=str(self.folder), options={})


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(tmp_path, monkeypatch)


def rows(first: int, count: int, *, bad: bool = False) -> pl.DataFrame:
    ids = range(first, first + count)
    begin = datetime(2024, 1, 1, 0, 0, 0, 500)  # noqa: DTZ001 - a column without an offset is meant
    frame = pl.DataFrame(
        {
            "id": ids,
            "x": [None if n % 10 == 0 else n * 7919 % 1000 / 1.25 for n in ids],
            "whole": [10] * count,
            "place": [None if n % 53 == 0 else "abcd"[n % 4] for n in ids],
            "day": [date(2024, 1, 1) + timedelta(days=n // 60) for n in ids],
            "at": [begin.replace(tzinfo=UTC) + timedelta(minutes=n) for n in ids],
            "local": [begin + timedelta(minutes=n) for n in ids],
        },
        schema_overrides={"x": pl.Float64, "place": pl.String},
    )
    if not bad:
        return frame
    odd = frame.head(1).with_columns(id=pl.lit(-5, pl.Int64), x=pl.lit(5e3), place=pl.lit("zz"), day=date(2020, 1, 1))
    return pl.concat([frame.head(count - 1), odd])


def same(here: Any, there: Any) -> bool:
    if isinstance(here, float) or isinstance(there, float):
        return bool(here == pytest.approx(there, rel=1e-9, abs=0))
    if isinstance(here, dict):
        return here.keys() == there.keys() and all(same(here[key], there[key]) for key in here)
    if isinstance(here, list):
        return len(here) == len(there) and all(map(same, here, there))
    return bool(here == there)


def require_same(found: CheckedTable, whole: CheckedTable) -> None:
    assert found.passed is whole.passed
    for here, there in zip(found.results, whole.results, strict=True):
        assert same(here, there), (here, there)


@pytest.mark.parametrize("bad", [(), (0,), (1, 3)])
def test_a_version_that_appended_is_checked_by_its_new_rows_and_comes_to_what_the_whole_does(
    table: Table, bad: tuple[int, ...]
) -> None:
    kept = None
    for number, count in enumerate((150, 40, 1, 120)):
        table.add(f"{number}.parquet", rows(number * 1_000, count, bad=number in bad))
        found = table.check(kept)
        require_same(found, table.check(None, whole=True))
        assert found.keep is not None
        kept = found.keep.state
    assert table.measured == [150, 40, 1, 120]
    again = table.check(kept)
    require_same(again, table.check(None, whole=True))
    assert len(table.measured) == 4


def test_a_rewritten_table_changed_checks_and_another_release_are_checked_whole(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.add("1.parquet", rows(0, 150))
    first = table.check(None).keep
    assert first is not None
    table.add("2.parquet", rows(150, 50, bad=True))
    changed = [{**one, "max": 800.0} if one == CHECKS[8] else one for one in CHECKS]
    require_same(table.check(first.state, checks=changed), table.check(None, whole=True, checks=changed))
    table.check(b"\xc1not a state")
    marked = {"x": "email"}
    require_same(table.check(first.state, marks=marked), table.check(None, whole=True, marks=marked))
    table.names = ["2.parquet"]
    table.add("3.parquet", rows(0, 150))
    require_same(table.check(first.state), table.check(None, whole=True))
    table.names = ["1.parquet", "2.parquet"]
    monkeypatch.setattr(growing, "MADE_BY", "another")
    table.check(first.state)
    assert table.measured == [150, *[200] * 5]


def test_nothing_is_kept_of_a_small_table_of_too_large_a_state_or_of_values_of_marked_columns(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.add("1.parquet", rows(0, 99))
    assert table.check(None).keep is None
    table.add("2.parquet", rows(99, 99))
    kept = table.check(None, marks={"day": "birthday"}).keep
    assert kept is not None
    state = msgspec.msgpack.decode(kept.state)["state"]["states"]
    held = {name for check, found in state.items() for name in found if "day" in check}
    assert not held
    monkeypatch.setattr(growing, "STATE_BYTES_MAX", 100)
    assert table.check(None).keep is None


async def test_a_push_to_a_large_dataset_goes_on_from_what_was_counted_until_a_column_is_marked(
    hub_client: Callable[..., httpx.AsyncClient], owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({"n": range(growing.ROWS_KEPT_MIN)})))
        where = f"/api/v1/datasets/{address}"
        await ok(client.post(f"{where}/checks", json={"definition": {"kind": "range", "column": "n", "min": 0}}), 201)

        async def checked(number: int) -> Any:
            run = await ok(client.post(f"{where}/versions/{number}/check-runs"), 202)
            return await until(
                lambda: ok(client.get(f"/api/v1/check-runs/{run['id']}")), lambda found: found["state"] != "queued"
            )

        def kept() -> Any:
            rows = rows_of(staffed_hub.database, "SELECT state FROM check_states WHERE org_id = %s", owner.org_id)
            return [msgspec.msgpack.decode(row["state"]) for row in rows]

        await checked(1)
        assert [(one["files"], one["state"]["rows"]) for one in kept()] == [(1, growing.ROWS_KEPT_MIN)]
        await ok(client.post(f"{where}/records", json=[{"n": 5}, {"n": -4}]), 202)
        await until(lambda: ok(client.get(where)), lambda found: found["latest_version"] == 2)
        result = (await checked(2))["results"][0]
        assert (result["failing_count"], result["rows_checked"]) == (1, growing.ROWS_KEPT_MIN + 2)
        assert [one["files"] for one in kept()] == [2]
        await ok(client.put(f"{where}/personal-columns", json={"column": "n", "is_marked": True}))
        assert kept() == []
