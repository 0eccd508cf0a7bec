"""Versions lose their rows when a dataset keeps them no longer, files are put in order, and idle datasets rest; by a real worker."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import polars as pl

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, settled_version, until
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.life.jobs import tend_dataset
from lyceum.data.datasets.pushes.jobs import begin_flush
from lyceum.data.datasets.rows.public import scan_unmasked, table_store
from lyceum.data.datasets.tables import files_of
from lyceum.kernel.resources import open_resources
from lyceum.kernel.storage import open_storage
from lyceum.kernel.tx import transaction
from lyceum.wiring import VERSIONS_IN_USE
from make.accounts import Member
from make.train import make_run

Client = Callable[..., httpx.AsyncClient]
DAYS_AGO = 30


def _frame(number: int) -> pl.DataFrame:
    return pl.DataFrame({"id": range(number * 10, number * 10 + 5)})


def _files(hub: StaffedHub, owner: Member, dataset_id: str) -> list[Path]:
    return sorted((hub.settings.home / "files" / table_key(owner.org_id, UUID(dataset_id))).glob("*.parquet"))


def _age(hub: StaffedHub, owner: Member, dataset_id: str) -> None:
    """Have it that everything of the dataset came about a month ago."""
    statement = (
        "UPDATE dataset_versions SET accepted_at = accepted_at - make_interval(days => %s) WHERE dataset_id = %s"
    )
    rows_of(hub.database, statement, DAYS_AGO, dataset_id)
    for column in ("thinned_at", "replaced_at"):
        statement = f"UPDATE dataset_versions SET {column} = {column} - interval '1 day' WHERE dataset_id = %s"
        rows_of(hub.database, statement, dataset_id)
    for path in _files(hub, owner, dataset_id):
        os.utime(path, (time.time() - DAYS_AGO * 86400,) * 2)


async def _tend(hub: StaffedHub, owner: Member, dataset_id: str) -> int:
    """Look after the dataset as the round does, and return how many versions were thinned once its files are in order."""
    # the round of the worker beside leaves it alone, and what that has asked for is over
    rows_of(hub.database, "UPDATE datasets SET tended_at = now() WHERE id = %s", dataset_id)
    await _tended(hub, owner)
    async with (
        open_resources(hub.settings, subscribers={}) as resources,
        transaction(resources.database, owner.scope) as tx,
    ):
        thinned = await tend_dataset(tx, resources, UUID(dataset_id), VERSIONS_IN_USE)
    await _tended(hub, owner)
    return thinned


async def _tended(hub: StaffedHub, owner: Member) -> None:
    async def open_jobs() -> list[dict[str, Any]]:
        statement = (
            "SELECT state, attempt, error, run_at, now() FROM jobs WHERE kind = 'data.tend_table' AND org_id = %s"
            " AND state NOT IN ('done', 'dead', 'cancelled')"
        )
        return rows_of(hub.database, statement, owner.org_id)

    assert await until(open_jobs, lambda found: not found) == []


async def _kept_right(hub: StaffedHub, owner: Member) -> None:
    """Fail where what is counted as kept is not the sum over versions, or the files are others."""
    statement = "SELECT byte_count FROM storage_usage WHERE org_id = %s AND kind = 'tables'"
    counted = rows_of(hub.database, statement, owner.org_id)[0]["byte_count"]
    statement = "SELECT sum(table_bytes)::bigint AS bytes FROM dataset_versions WHERE org_id = %s"
    assert counted == rows_of(hub.database, statement, owner.org_id)[0]["bytes"]
    folder = hub.settings.home / "files" / "tables" / str(owner.org_id)
    assert counted == sum(path.stat().st_size for path in folder.rglob("*.parquet"))


async def test_versions_that_are_kept_no_longer_are_refused_in_a_sentence_and_their_files_go(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_frame(1)))
        for number in (2, 3, 4):
            second = await add_version(client, address, "t.csv", csv_of(_frame(number)))
            if number == 2:
                make_run(staffed_hub.database, owner, UUID(second["id"]))
        path = f"/api/v1/datasets/{address}"
        dataset_id = (await ok(client.get(path)))["id"]
        wanted = {"keep_versions": 1, "keep_days": 7, "dormant_days": None}
        said = await ok(client.put(f"{path}/retention", json=wanted))
        assert (said["own"], said["holds"], said["thinned_versions"]) == (wanted, wanted, 0)
        # they are younger than the days
        assert await _tend(staffed_hub, owner, dataset_id) == 0
        _age(staffed_hub, owner, dataset_id)
        # not the second, which a run has learned from
        assert await _tend(staffed_hub, owner, dataset_id) == 2
        assert await _tend(staffed_hub, owner, dataset_id) == 0
        assert (await ok(client.get(f"{path}/retention")))["thinned_versions"] == 2
        refused = await client.get(f"{path}/versions/1/preview")
        assert (refused.status_code, refused.json()["code"]) == (410, "version_thinned")
        assert f"version 1 of {address}" in refused.json()["detail"]
        for also in (
            client.get(f"{path}/versions/3/rows"),
            client.post(f"{path}/versions/3/restore"),
            client.post(f"{path}/versions/3/slices", json={"limit": 1}),
            client.get(f"{path}/versions/3/files"),
            client.post(f"{path}/diffs", json={"before": 3, "after": 4}),
            client.post("/api/v1/runs", json={"dataset": f"{address}@1", "target": "id"}),
        ):
            assert (await also).json()["code"] == "version_thinned"
        first = await ok(client.get(f"{path}/versions/1"))
        assert first["thinned_at"] is not None
        assert (await ok(client.get(f"{path}/versions/1/profile")))["rows"] == 5
        assert (await ok(client.get(f"{path}/versions/1/check-runs")))["items"] == []
        # who had begun to read has hours for it, then the files go
        assert len(_files(staffed_hub, owner, dataset_id)) == 4
        _age(staffed_hub, owner, dataset_id)
        await _tend(staffed_hub, owner, dataset_id)
        await until(_now(lambda: len(_files(staffed_hub, owner, dataset_id))), lambda count: count == 2)
        for number in (2, 4):
            read = await ok(client.get(f"{path}/versions/{number}/preview"))
            assert [row[0] for row in read["rows"]] == list(_frame(number)["id"])
        await until(_now(lambda: _counted(staffed_hub, owner)), lambda right: right)
        await _kept_right(staffed_hub, owner)
        begun = await ok(client.post(f"{path}/versions/2/restore"), 202)
        assert (await settled_version(client, begun["id"]))["number"] == 5
        assert (await ok(client.get(f"{path}/versions/latest/preview")))["rows"][0] == [20]


def _counted(hub: StaffedHub, owner: Member) -> bool:
    statement = "SELECT object_count FROM storage_usage WHERE org_id = %s AND kind = 'tables'"
    return rows_of(hub.database, statement, owner.org_id) == [{"object_count": 2}]


def _now(ask: Callable[[], Any]) -> Callable[[], Any]:
    async def asked() -> Any:
        return ask()

    return asked


async def test_small_files_become_one_without_a_version_and_every_version_is_read_as_before(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_frame(1)))
        path = f"/api/v1/datasets/{address}"
        dataset_id = (await ok(client.get(path)))["id"]
        for number in range(4):
            await ok(client.post(f"{path}/records", json=[{"id": 100 + number}]), 202)
            await _flushed(staffed_hub, owner, dataset_id, number + 2)
        before = {number: _rows(staffed_hub, owner, dataset_id, number) for number in range(1, 6)}
        assert len(_table_files(staffed_hub, owner, dataset_id, 5)) == 5
        await _tend(staffed_hub, owner, dataset_id)
        assert len(_table_files(staffed_hub, owner, dataset_id, 5)) == 1
        assert {number: _rows(staffed_hub, owner, dataset_id, number) for number in range(1, 6)} == before
        assert before[5] == [*range(10, 15), 100, 101, 102, 103]
        assert (await ok(client.get(path)))["latest_version"] == 5
        await _kept_right(staffed_hub, owner)
        # what is pushed next follows the one file
        await ok(client.post(f"{path}/records", json=[{"id": 104}]), 202)
        await _flushed(staffed_hub, owner, dataset_id, 6)
        assert len(_table_files(staffed_hub, owner, dataset_id, 6)) == 2
        assert _rows(staffed_hub, owner, dataset_id, 6) == [*before[5], 104]
        # thinned to the last one, the small files go and the rows stay
        wanted = {"keep_versions": 1, "keep_days": None, "dormant_days": None}
        await ok(client.put(f"{path}/retention", json=wanted))
        for _ in range(2):
            _age(staffed_hub, owner, dataset_id)
            await _tend(staffed_hub, owner, dataset_id)
        await until(_now(lambda: len(_files(staffed_hub, owner, dataset_id))), lambda count: count == 2)
        assert _rows(staffed_hub, owner, dataset_id, 6) == [*before[5], 104]


def _delta(hub: StaffedHub, dataset_id: str, number: int) -> int:
    statement = "SELECT delta_version FROM dataset_versions WHERE dataset_id = %s AND number = %s"
    delta_version: int = rows_of(hub.database, statement, dataset_id, number)[0]["delta_version"]
    return delta_version


def _rows(hub: StaffedHub, owner: Member, dataset_id: str, number: int) -> list[int]:
    key = table_key(owner.org_id, UUID(dataset_id))
    found = scan_unmasked(open_storage(hub.settings), key, _delta(hub, dataset_id, number)).collect()["id"]
    return found.to_list()


def _table_files(hub: StaffedHub, owner: Member, dataset_id: str, number: int) -> list[str]:
    key = table_key(owner.org_id, UUID(dataset_id))
    store = table_store(open_storage(hub.settings))
    return [file.name for file in files_of(store, key, _delta(hub, dataset_id, number))]


async def _flushed(hub: StaffedHub, owner: Member, dataset_id: str, number: int) -> None:
    async with (
        open_resources(hub.settings, subscribers={}) as resources,
        transaction(resources.database, owner.scope) as tx,
    ):
        # unless the worker has begun it, the window being over
        await begin_flush(tx, UUID(dataset_id))
    accepted = "SELECT number FROM dataset_versions WHERE dataset_id = %s AND number = %s"
    assert await until(_now(lambda: rows_of(hub.database, accepted, dataset_id, number)), bool)


async def test_an_archived_dataset_is_read_and_takes_nothing_until_it_is_brought_back(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(_frame(1)))
        path = f"/api/v1/datasets/{address}"
        dataset = await ok(client.get(path))
        wanted = {"keep_versions": None, "keep_days": None, "dormant_days": 10}
        await ok(client.put(f"{path}/retention", json=wanted))
        await _tend(staffed_hub, owner, dataset["id"])
        assert (await ok(client.get(path)))["dormant_at"] is None
        _age(staffed_hub, owner, dataset["id"])
        statement = "UPDATE datasets SET created_at = created_at - interval '40 days' WHERE id = %s"
        rows_of(staffed_hub.database, statement, dataset["id"])
        await _tend(staffed_hub, owner, dataset["id"])
        assert (await ok(client.get(path)))["dormant_at"] is not None
        assert (await ok(client.get(f"{path}/versions/1/preview")))["rows"][0] == [10]
        version = {"upload_id": "01930000-0000-7000-8000-000000000000"}
        for refused in (
            client.post(f"{path}/records", json=[{"id": 1}]),
            client.post(f"{path}/versions", json=version),
            client.post(f"{path}/versions/1/restore"),
            client.post(f"{path}/fetches", json={"url": "https://example.org/t.csv"}),
            client.post(f"{path}/sql-imports", json={"url": "mysql://u:p@203.0.113.7/data", "table": "t"}),
            client.post(f"{path}/streams", json={"name": "s", "servers": ["203.0.113.7:9092"], "topic": "t"}),
        ):
            answer = await refused
            assert (answer.status_code, answer.json()["code"]) == (409, "dataset_dormant"), answer.text
            assert f"/datasets/{address}/dormancy" in answer.json()["detail"]
        woken = await ok(client.put(f"{path}/dormancy", json={"dormant": False}))
        assert woken["dormant_at"] is None
        # it has days again before it rests the next time
        await _tend(staffed_hub, owner, dataset["id"])
        assert (await add_version(client, address, "t.csv", csv_of(_frame(2))))["number"] == 2


async def test_only_who_may_change_a_dataset_says_what_it_keeps(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as other:
        address = await dataset_with(client, csv_of(_frame(1)), visibility="public")
        path = f"/api/v1/datasets/{address}"
        assert (await ok(other.get(f"{path}/retention")))["own"]["keep_versions"] is None
        wanted = {"keep_versions": 1, "keep_days": None, "dormant_days": None}
        assert (await other.put(f"{path}/retention", json=wanted)).status_code in {403, 404}
        assert (await other.put(f"{path}/dormancy", json={"dormant": True})).status_code in {403, 404}
        assert (await client.put(f"{path}/retention", json=wanted | {"keep_days": 0})).status_code == 422
