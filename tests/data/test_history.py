"""A dataset's history: earlier versions are restored without copying a row, and the rows of any are downloaded."""

import io
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import polars as pl
import pytest

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, settled_version, until
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import files_of
from lyceum.kernel.storage import open_storage
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "text": ["=1+1", None, ""],
        "at": ["2024-01-01T10:00:00Z", None, "2024-01-03T11:30:00Z"],
        "price": [1.5, None, -2.0],
    }
)


async def _delta_version(hub: StaffedHub, client: httpx.AsyncClient, address: str, number: int) -> tuple[UUID, int]:
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    statement = "SELECT delta_version FROM dataset_versions WHERE dataset_id = %s AND number = %s"
    [row] = rows_of(hub.database, statement, dataset["id"], number)
    return UUID(dataset["id"]), row["delta_version"]


async def test_a_restored_version_is_a_new_one_of_the_same_files(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        # of other columns
        await add_version(client, address, "other.csv", b"x,y\n1,2\n")
        kept_before = await ok(client.get("/api/v1/storage"))
        begun = await ok(client.post(f"/api/v1/datasets/{address}/versions/1/restore"), 202)
        assert begun["state"] == "pending"
        third = await settled_version(client, begun["id"])
        first = await ok(client.get(f"/api/v1/datasets/{address}/versions/1"))
        assert (third["state"], third["number"]) == ("accepted", 3)
        assert third["source"] == {**first["source"], "restores": 1}
        for same in ("file_name", "row_count", "byte_count", "table_schema"):
            assert third[same] == first[same]
        profiles = [await ok(client.get(f"/api/v1/datasets/{address}/versions/{n}/profile")) for n in (1, 3)]
        assert profiles[0] == profiles[1]
        previews = [await ok(client.get(f"/api/v1/datasets/{address}/versions/{n}/preview")) for n in (1, 2, 3)]
        assert previews[0] == previews[2] != previews[1]
        assert (await ok(client.get("/api/v1/storage"))) == kept_before
        store = table_store(open_storage(staffed_hub.settings))
        dataset_id, restored = await _delta_version(staffed_hub, client, address, 3)
        _, original = await _delta_version(staffed_hub, client, address, 1)
        table = table_key(owner.org_id, dataset_id)
        assert files_of(store, table, restored) == files_of(store, table, original)
        # the newest may be restored as well, and nothing is lost by it
        again = await ok(client.post(f"/api/v1/datasets/{address}/versions/latest/restore"), 202)
        assert (await settled_version(client, again["id"]))["number"] == 4
        fifth = await add_version(client, address, "more.csv", b"a\n1\n2\n")
        assert (fifth["number"], fifth["row_count"]) == (5, 2)


async def test_a_version_that_is_not_there_is_not_restored(hub_client: Client, owner: Member, outsider: Member) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as other:
        address = await dataset_with(client, csv_of(FRAME))
        path = f"/api/v1/datasets/{address}/versions"
        assert (await client.post(f"{path}/2/restore")).status_code == 404
        assert (await other.post(f"{path}/1/restore")).status_code == 404


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
async def test_a_download_holds_all_rows_and_is_taken_as_an_upload_again(
    hub_client: Client, owner: Member, form: str
) -> None:
    async with hub_client(owner) as client:
        rows = pl.concat([FRAME] * 12_000).with_columns(pl.int_range(pl.len()).alias("id"))
        address = await dataset_with(client, csv_of(rows))
        answer = await client.get(f"/api/v1/datasets/{address}/versions/1/rows", params={"format": form})
        assert answer.status_code == 200, answer.text[:500]
        assert f'-v1.{form}"' in answer.headers["content-disposition"]
        read: dict[str, Any] = {"csv": pl.read_csv, "parquet": pl.read_parquet, "arrow": pl.read_ipc}
        found = read[form](io.BytesIO(answer.content))
        assert found.columns == rows.columns
        assert found["id"].to_list() == list(range(36_000))
        assert found["price"].to_list() == rows["price"].to_list()
        if form == "csv":
            assert found["at"][0].startswith("2024-01-01T10:00:00")
            again = await add_version(client, address, "again.csv", answer.content)
            first = await ok(client.get(f"/api/v1/datasets/{address}/versions/1"))
            assert (again["row_count"], again["table_schema"]) == (36_000, first["table_schema"])
        else:
            assert str(found["at"].dtype) == "Datetime(time_unit='us', time_zone='UTC')"


async def test_formulas_are_escaped_on_request_and_only_then(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        table = pl.DataFrame({"=name": ["=1+1", "@x", "-5 apples", "a=b"], "n": [-1, 2, 3, 4]})
        address = await dataset_with(client, csv_of(table))
        path = f"/api/v1/datasets/{address}/versions/1/rows"
        plain = (await client.get(path)).text
        escaped = (await client.get(path, params={"escape_formulas": True})).text
        assert plain.splitlines() == ["=name,n", "=1+1,-1", "@x,2", "-5 apples,3", "a=b,4"]
        assert escaped.splitlines() == ["'=name,n", "'=1+1,-1", "'@x,2", "'-5 apples,3", "a=b,4"]


async def test_a_download_of_a_sensitive_dataset_is_recorded(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME), sensitive=True)
        assert (await client.get(f"/api/v1/datasets/{address}/versions/1/rows")).status_code == 200
    statement = "SELECT outcome FROM audit_log WHERE org_id = %s AND action = 'download_version'"
    assert [row["outcome"] for row in rows_of(staffed_hub.database, statement, owner.org_id)] == ["read"]


async def _diff(client: httpx.AsyncClient, address: str, **wanted: object) -> dict[str, Any]:
    begun = await ok(client.post(f"/api/v1/datasets/{address}/diffs", json=wanted), 202)
    assert (begun["state"], begun["result"]) == ("queued", None)
    found: dict[str, Any] = await until(
        lambda: ok(client.get(f"/api/v1/dataset-diffs/{begun['id']}")), lambda diff: diff["state"] != "queued"
    )
    return found


async def test_two_versions_are_compared_by_columns_rows_and_profile(hub_client: Client, owner: Member) -> None:
    before = pl.DataFrame({"id": [1, 2, 3, 4], "v0": ["a", None, "c", "d"], "n": [1, 2, 3, 4], "gone": [1, 1, 1, 1]})
    after = pl.DataFrame({"id": [2, 3, 4, 5], "v0": ["b", "c", "d", "e"], "n": [2, 3, 9, 5], "new": ["x"] * 4})
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(before))
        await add_version(client, address, "after.csv", csv_of(after))
        diff = await _diff(client, address, before=1, after=2, key=["id"])
        assert diff["state"] == "done", diff
        assert diff["result"]["columns"] == {"added": ["new"], "removed": ["gone"], "changed": []}
        assert diff["result"]["rows"] == {
            "before": 4,
            "after": 4,
            "added": 1,
            "removed": 1,
            "changed": 2,
            "changed_by_column": {"v0": 1, "n": 1},
            "samples": {"added": [[5]], "removed": [[1]], "changed": [[2], [4]]},
        }
        figures = {(one["column"], one["figure"]): (one["before"], one["after"]) for one in diff["result"]["profile"]}
        assert figures[("v0", "missing")] == (1, 0)
        assert figures[("n", "max")] == (4, 9)
        assert ("gone", "missing") not in figures


async def test_whole_rows_are_compared_with_their_repetitions_where_no_key_is_named(
    hub_client: Client, owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, b"a,b\n1,x\n1,x\n2,\n3,z\n")
        await add_version(client, address, "after.csv", b"a,b\n1,x\n2,\n2,\n4,z\n")
        rows = (await _diff(client, address, before=1, after=2))["result"]["rows"]
        assert (rows["added"], rows["removed"], rows["changed"]) == (2, 2, None)
        same = (await _diff(client, address, before=2, after=2))["result"]["rows"]
        assert (same["added"], same["removed"]) == (0, 0)


@pytest.mark.parametrize("key, said", [(["nope"], "'nope'"), (["a"], "repeat the key")])
async def test_a_key_that_names_no_row_fails_in_one_sentence(
    hub_client: Client, owner: Member, outsider: Member, key: list[str], said: str
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as other:
        address = await dataset_with(client, b"a,b\n1,x\n1,y\n")
        diff = await _diff(client, address, before=1, after=1, key=key)
        assert (diff["state"], diff["error"]["code"]) == ("failed", "key_unusable")
        assert said in diff["error"]["detail"]
        assert (await other.get(f"/api/v1/dataset-diffs/{diff['id']}")).status_code == 404
