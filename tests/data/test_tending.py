"""Small files of a table become one, and files go that no kept version reads: on real Delta tables."""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest

from lyceum.data.datasets.life import tending
from lyceum.data.datasets.life.work import LatestTable, Tending
from lyceum.data.datasets.table_store import Followed, StagedData, TableStore
from lyceum.data.datasets.tables import commit, files_of, newest_version, scan_version, stage, take_back
from lyceum.kernel.jobs.child import ChildSide


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TableStore:
    made = TableStore(str(tmp_path / "tables"))
    monkeypatch.setattr(tending, "table_store", lambda _: made)
    return made


def put(store: TableStore, folder: Path, operation: str, *values: int) -> StagedData:
    path = folder / f"{operation}.parquet"
    pl.DataFrame({"n": values}, schema={"n": pl.Int64}).write_parquet(path)
    return stage(store, operation, [path])


def rows(store: TableStore, version: int) -> list[int]:
    return scan_version(store, "t", version).collect()["n"].to_list()


def work(latest: int, *kept: int, **more: object) -> Tending:
    facts = {"restored": (), "operations_pending": (), "compacts": False, "operation_id": "tend-1"} | more
    return Tending(
        table_key="t",
        latest=LatestTable(version_id=uuid4(), delta_version=latest),
        kept=kept,
        leftovers_older_than_seconds=60,
        **facts,  # type: ignore[arg-type]
    )


def age(store: TableStore) -> None:
    for path in Path(store.url, "t").glob("*.parquet"):
        os.utime(path, (time.time() - 3600,) * 2)


def remove_unused(store: TableStore, wanted: Tending) -> int:
    unused = tending.unused_files(store, wanted, now=datetime.now(UTC))
    for file in unused:
        store.delete(file.key)
    return len(unused)


def appended(store: TableStore, folder: Path) -> list[int]:
    versions = [commit(store, "t", put(store, folder, "a0", 0), base=None)]
    for number in range(1, 5):
        data = put(store, folder, f"a{number}", number)
        versions.append(commit(store, "t", data, base=versions[-1], follows=Followed(versions[-1])))
    return versions


def test_small_files_become_one_of_the_same_rows_in_their_order_and_earlier_versions_stay(
    store: TableStore, tmp_path: Path
) -> None:
    versions = appended(store, tmp_path)
    side = ChildSide(lambda _: None, threading.Event())
    tended = tending.tend(work(versions[-1], *versions, compacts=True), side)
    assert tended.compacted is not None
    assert len(files_of(store, "t", tended.compacted)) == 1
    assert rows(store, tended.compacted) == [0, 1, 2, 3, 4]
    for place, version in enumerate(versions):
        assert rows(store, version) == list(range(place + 1))
    # run twice, it is the same commit
    again = tending.tend(work(versions[-1], *versions, compacts=True), side)
    assert again.compacted == tended.compacted == newest_version(store, "t")
    assert tended.unused == ()
    # one file is not written together with itself
    alone = tending.tend(work(tended.compacted, tended.compacted, compacts=True, operation_id="tend-2"), side)
    assert alone.compacted is None


def test_files_go_that_no_kept_version_reads_and_no_others(store: TableStore, tmp_path: Path) -> None:
    replaced = [commit(store, "t", put(store, tmp_path, "a", 1), base=None)]
    for number in (2, 3):
        replaced.append(commit(store, "t", put(store, tmp_path, f"b{number}", number), base=replaced[-1]))
    first, second, third = replaced
    # files that were written a moment ago may belong to a commit under way
    assert remove_unused(store, work(third, third)) == 0
    age(store)
    assert remove_unused(store, work(third, second, third)) == 1
    assert (rows(store, second), rows(store, third)) == ([2], [3])
    with pytest.raises(FileNotFoundError):
        rows(store, first)
    assert remove_unused(store, work(third, second, third)) == 0


def test_what_a_version_restores_or_one_under_way_has_committed_stays(store: TableStore, tmp_path: Path) -> None:
    first = commit(store, "t", put(store, tmp_path, "a", 1), base=None)
    second = commit(store, "t", put(store, tmp_path, "b", 2), base=first)
    restored = take_back(store, "t", "c", to=first, base=second)
    third = commit(store, "t", put(store, tmp_path, "d", 3), base=restored)
    newest = commit(store, "t", put(store, tmp_path, "e", 4), base=third)
    age(store)
    # the restored version keeps the file of the first; the third is committed and not recorded yet
    wanted = work(newest, restored, newest, restored=(restored,), operations_pending=("d",))
    assert remove_unused(store, wanted) == 1
    assert [rows(store, version) for version in (restored, third, newest)] == [[1], [3], [4]]


def test_of_very_many_versions_only_files_of_the_oldest_ones_are_looked_at(
    store: TableStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tending, "VERSIONS_LOOKED_AT_MAX", 1)
    versions = [commit(store, "t", put(store, tmp_path, "a0", 0), base=None)]
    for number in range(1, 4):
        versions.append(commit(store, "t", put(store, tmp_path, f"a{number}", number), base=versions[-1]))
    age(store)
    # the first is kept by nobody; the third neither, and its turn comes later
    assert remove_unused(store, work(versions[3], versions[1], versions[3])) == 1
    assert rows(store, versions[2]) == [2]
