"""Versions that follow an earlier one: its rows are not copied, and what nobody recorded is not among them."""

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from lyceum.data.datasets.table_store import Followed, StagedData, TableStore
from lyceum.data.datasets.tables import TableChanged, commit, files_of, newest_version, scan_version, stage, take_back


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(str(tmp_path / "tables"))


def put(store: TableStore, folder: Path, operation: str, frame: pl.DataFrame) -> StagedData:
    path = folder / f"{operation}.parquet"
    frame.write_parquet(path)
    return stage(store, operation, [path])


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"n": values}, schema={"n": pl.Int64})


def rows(store: TableStore, version: int) -> list[int]:
    return scan_version(store, "t", version).collect()["n"].to_list()


def test_rows_follow_those_of_the_version_named_and_no_others(store: TableStore, tmp_path: Path) -> None:
    first = commit(store, "t", put(store, tmp_path, "a", numbers(1, 2)), base=None)
    # of other columns, and recorded by nobody
    lost = commit(store, "t", put(store, tmp_path, "b", pl.DataFrame({"x": ["lost"]})), base=first)
    data = put(store, tmp_path, "c", numbers(3))
    third = commit(store, "t", data, base=lost, follows=Followed(first))
    assert rows(store, third) == [1, 2, 3]
    assert rows(store, first) == [1, 2]
    assert commit(store, "t", data, base=third, follows=Followed(first)) == third
    fourth = commit(store, "t", put(store, tmp_path, "d", numbers(4)), base=third, follows=Followed(third))
    assert fourth == third + 1
    assert rows(store, fourth) == [1, 2, 3, 4]
    [shared] = files_of(store, "t", first)
    assert shared in files_of(store, "t", fourth)


def test_rows_staged_again_stand_where_they_stood(store: TableStore, tmp_path: Path) -> None:
    version = commit(store, "t", put(store, tmp_path, "a", numbers(1)), base=None)
    for number in (2, 3):
        data = put(store, tmp_path, f"of-{number}", numbers(number))
        version = commit(store, "t", data, base=version, follows=Followed(version))
    tail = frozenset(file.name for file in files_of(store, "t", version)[1:])
    merged = put(store, tmp_path, "merged", numbers(2, 3, 4))
    after = commit(store, "t", merged, base=version, follows=Followed(version, without=tail))
    assert rows(store, after) == [1, 2, 3, 4]
    assert len(files_of(store, "t", after)) == 2
    assert rows(store, version) == [1, 2, 3]


def test_a_stale_writer_is_refused_whatever_it_follows(store: TableStore, tmp_path: Path) -> None:
    first = commit(store, "t", put(store, tmp_path, "a", numbers(1)), base=None)
    second = commit(store, "t", put(store, tmp_path, "b", numbers(2)), base=first)
    with pytest.raises(TableChanged):
        commit(store, "t", put(store, tmp_path, "c", numbers(3)), base=first, follows=Followed(first))
    with pytest.raises(TableChanged):
        take_back(store, "t", "d", to=first, base=first)
    assert newest_version(store, "t") == second


def test_a_table_is_taken_back_once_for_an_operation(store: TableStore, tmp_path: Path) -> None:
    first = commit(store, "t", put(store, tmp_path, "a", numbers(1)), base=None)
    second = commit(store, "t", put(store, tmp_path, "b", pl.DataFrame({"x": ["y"]})), base=first)
    third = take_back(store, "t", "back", to=first, base=second)
    assert take_back(store, "t", "back", to=first, base=second) == third
    assert rows(store, third) == [1]
    assert DeltaTable(store.uri("t")).version() == third == 3
    assert files_of(store, "t", third) == files_of(store, "t", first)
    assert take_back(store, "t", "same", to=third, base=third) == third + 1
    assert rows(store, third + 1) == [1]
