"""A person is erased from every version of a dataset: no file of the table has them afterwards, and versions keep their numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, until
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.personal import rewriting
from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import commit, discard_staged, files_of, newest_version, scan_version, stage, take_back
from lyceum.kernel.storage import open_storage
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
THEM = "zoe.quill@kestrel-mail.example"
PEOPLE = pl.DataFrame({"id": [1, 2, 3], "mail": ["a@b.example", THEM, "c@d.example"], "n": [1, 77_123, 3]})


def _require_gone(folder: Path, value: str) -> None:
    """Look into every byte of the table, and into every Parquet file as what it holds."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        assert value.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert value not in str(pl.read_parquet(path).to_dicts()), path


async def _erased(client: httpx.AsyncClient, address: str, column: str, value: str) -> Any:
    begun = await ok(client.post(f"/api/v1/datasets/{address}/erasures", json={"column": column, "value": value}), 202)
    return await until(
        lambda: ok(client.get(f"/api/v1/dataset-erasures/{begun['id']}")), lambda found: found["state"] != "queued"
    )


async def test_a_person_is_gone_from_every_version_and_the_versions_stay(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE))
        where = f"/api/v1/datasets/{address}"
        await add_version(client, address, "table.csv", csv_of(PEOPLE.head(1)))
        restored = await ok(client.post(f"{where}/versions/1/restore"), 202)
        await until(
            lambda: ok(client.get(f"/api/v1/dataset-versions/{restored['id']}")), lambda one: one["state"] != "pending"
        )
        definition = {"kind": "range", "column": "n", "max": 10}
        await ok(client.post(f"{where}/checks", json={"definition": definition}), 201)
        run = await ok(client.post(f"{where}/versions/1/check-runs"), 202)
        run = await until(
            lambda: ok(client.get(f"/api/v1/check-runs/{run['id']}")), lambda found: found["state"] != "queued"
        )
        assert run["results"][0]["failing_rows"]
        await ok(
            client.post(f"{where}/records", json=[{"id": 9, "mail": THEM}, {"id": 10, "mail": "e@f.example"}]), 202
        )
        erasure = await _erased(client, address, "mail", THEM)
        assert (erasure["state"], erasure["rows_removed"]) == ("done", {"1": 1, "3": 1}), erasure
        for number, ids in ((1, [1, 3]), (2, [1]), (3, [1, 3])):
            version = await ok(client.get(f"{where}/versions/{number}"))
            preview = await ok(client.get(f"{where}/versions/{number}/preview"))
            assert ([row[0] for row in preview["rows"]], version["row_count"]) == (ids, len(ids))
        profile = await ok(client.get(f"{where}/versions/1/profile"))
        assert next(column["max"] for column in profile["columns"] if column["name"] == "n") == 3
        run = await ok(client.get(f"/api/v1/check-runs/{run['id']}"))
        assert (run["results"][0]["failing_rows"], run["results"][0]["failing_count"]) == ([], 1)
        dataset = await ok(client.get(where))
        folder = staffed_hub.settings.home / "storage" / table_key(owner.org_id, UUID(dataset["id"]))
        folder = (
            folder
            if folder.exists()
            else Path(open_storage(staffed_hub.settings).url.removeprefix("file://"))
            / (table_key(owner.org_id, UUID(dataset["id"])))
        )
        assert list(folder.rglob("*.parquet"))
        _require_gone(folder, THEM)
        # nothing left to do
        again = await _erased(client, address, "mail", THEM)
        assert (again["state"], again["rows_removed"]) == ("done", {})
    _require_told_nowhere(staffed_hub, UUID(dataset["id"]))


def _require_told_nowhere(hub: StaffedHub, dataset_id: UUID) -> None:
    names = rows_of(
        hub.database,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'dataset_versions'",
    )
    for name in names:
        for kept in rows_of(hub.database, f"SELECT row_to_json(t)::text AS text FROM {name['table_name']} t"):
            assert THEM not in kept["text"], name
            assert THEM.encode().hex() not in kept["text"], name
    kept = rows_of(
        hub.database, "SELECT row_to_json(t)::text AS text FROM dataset_versions t WHERE dataset_id = %s", dataset_id
    )
    assert all(THEM not in row["text"] for row in kept)
    told = rows_of(
        hub.database, "SELECT action FROM audit_log WHERE action = 'erase_person' AND object_id = %s", str(dataset_id)
    )
    assert told


async def test_only_who_may_change_the_dataset_erases_and_one_at_a_time(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(PEOPLE), visibility="internal")
    async with hub_client(outsider) as client:
        refused = await client.post(
            f"/api/v1/datasets/{address}/erasures", json={"column": "mail", "value": "a@b.example"}
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.fixture
def table(tmp_path: Path) -> tuple[TableStore, str]:
    """A table of five Delta versions: an upload, an append, another upload, the first one again, and an append to that."""
    store, key = TableStore(str(tmp_path / "store")), "tables/o/d"

    def staged(operation: str, frame: pl.DataFrame) -> Any:
        path = tmp_path / "one.parquet"
        frame.write_parquet(path)
        return stage(store, operation, [path])

    commit(store, key, staged("op-1", PEOPLE), base=None)
    commit(store, key, staged("op-2", PEOPLE.head(1)), base=newest_version(store, key))
    take_back(store, key, "op-3", to=1, base=2)
    commit(store, key, staged("op-4", PEOPLE.tail(2)), base=3)
    return store, key


@pytest.mark.parametrize("dies_after", [0, 1, 4, 7, 9, 12, 15, 16])
def test_an_erasure_killed_anywhere_leaves_every_version_readable_and_is_finished_by_the_next_run(
    table: tuple[TableStore, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    store, key = table
    for operation in ("op-1", "op-2", "op-4"):
        discard_staged(store, operation)
    erasure_id, writes = uuid4(), 0
    real_rewrite, real_delete = rewriting._rewrite, TableStore.delete

    def counted() -> None:
        nonlocal writes
        writes += 1
        if writes > dies_after:
            raise KeyboardInterrupt

    def rewrite(*given: Any) -> None:
        counted()
        real_rewrite(*given)

    def delete(self: TableStore, path: str) -> None:
        counted()
        real_delete(self, path)

    def erase() -> None:
        rewriting.erase_rows(store, key, erasure_id, column="mail", value=THEM, folder=tmp_path)

    with monkeypatch.context() as patched:
        patched.setattr(rewriting, "_rewrite", rewrite)
        patched.setattr(TableStore, "delete", delete)
        with pytest.raises(KeyboardInterrupt):
            erase()
    heights = [{2, 3}, {1}, {2, 3}, {1, 2}]
    for version, allowed in enumerate(heights, start=1):
        assert scan_version(store, key, version).collect().height in allowed
    erase()
    assert [scan_version(store, key, version).collect()["id"].to_list() for version in (1, 2, 3, 4)] == [
        [1, 3],
        [1],
        [1, 3],
        [3],
    ]
    assert [sum(file.rows for file in files_of(store, key, version)) for version in (1, 2, 3, 4)] == [2, 1, 2, 1]
    _require_gone(tmp_path / "store", THEM)
    # and the table goes on
    path = tmp_path / "two.parquet"
    PEOPLE.head(1).write_parquet(path)
    assert commit(store, key, stage(store, "op-5", [path]), base=newest_version(store, key)) == 5
