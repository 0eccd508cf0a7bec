"""Rows are appended to a table with the places they were read up to, by one commit."""

from pathlib import Path
from uuid import UUID

import polars as pl
import pytest

from lyceum.data.datasets.appends.tables.engine import append_rows
from lyceum.data.datasets.appends.tables.log import places_in_commit
from lyceum.data.datasets.appends.tables.work import AppendTarget, BaseVersion
from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import files_of, scan_version
from lyceum.data.datasets.work import AcceptedTable
from lyceum.kernel.config import load_settings
from lyceum.kernel.storage import Storage, open_storage

TABLE = "tables/o/d"
VERSION_ID = UUID(int=1)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(load_settings(home=tmp_path, disk_free_bytes_min=0))


def appended(
    storage: Storage, folder: Path, operation: str, rows: pl.DataFrame, after: AcceptedTable | None, **places: int
) -> AcceptedTable:
    base = None
    if after is not None:
        columns = tuple((column["name"], column["type"]) for column in after.table_schema["columns"])
        base = BaseVersion(id=VERSION_ID, number=1, delta_version=delta_version(after), columns=columns)
    target = AppendTarget(table_key=TABLE, operation_id=operation, base=base, leftovers_older_than_seconds=3600)
    return append_rows(TableStore(storage.url), target, rows.lazy(), folder, places=places)


def delta_version(table: AcceptedTable) -> int:
    assert table.delta_version is not None
    return table.delta_version


async def test_each_commit_says_how_far_was_read_and_one_made_twice_is_one(storage: Storage, tmp_path: Path) -> None:
    table = None
    # past a checkpoint, which comes every twenty commits
    for number in range(25):
        rows = pl.DataFrame({"n": [number]})
        before, table = table, appended(storage, tmp_path, f"op-{number}", rows, table, a0=number + 1, a1=7, b=number)
        assert await places_in_commit(storage, TABLE, delta_version(table), "a") == {"0": number + 1, "1": 7}
    assert table is not None
    again = appended(storage, tmp_path, "op-24", pl.DataFrame({"n": [24]}), before, a0=25)
    assert again.delta_version == table.delta_version
    assert await places_in_commit(storage, TABLE, 3, "a") == {"0": 3, "1": 7}
    assert await places_in_commit(storage, TABLE, 99, "a") == {}
    store = TableStore(storage.url)
    assert scan_version(store, TABLE, delta_version(table)).collect()["n"].to_list() == list(range(25))
    assert len(files_of(store, TABLE, delta_version(table))) < 25


async def test_new_columns_and_decimals_have_the_table_written_anew_with_what_was_there(
    storage: Storage, tmp_path: Path
) -> None:
    first = appended(storage, tmp_path, "op-1", pl.DataFrame({"n": [1, 2], "s": ["a", None]}), None)
    second = appended(storage, tmp_path, "op-2", pl.DataFrame({"n": [2.5], "s": ["b"], "more": [True]}), first, a0=3)
    store = TableStore(storage.url)
    rows = scan_version(store, TABLE, delta_version(second)).collect()
    assert rows.rows() == [(1.0, "a", None), (2.0, None, None), (2.5, "b", True)]
    assert (second.row_count, await places_in_commit(storage, TABLE, delta_version(second), "a")) == (3, {"0": 3})
    assert scan_version(store, TABLE, delta_version(first)).collect().rows() == [(1, "a"), (2, None)]
    third = appended(
        storage,
        tmp_path,
        "op-3",
        pl.DataFrame({"n": [0.5], "s": ["c"], "more": [None]}, schema_overrides={"more": pl.Boolean}),
        second,
    )
    assert scan_version(store, TABLE, delta_version(third)).collect().height == 4
