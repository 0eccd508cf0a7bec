"""Blocking checks, and what a dataset allows of its columns, are asked before rows are committed: bad data leaves no trace in the table."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import polars as pl

from fixtures.app import rows_of
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, ok, settled_version, until
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.pushes.jobs import begin_flush
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import newest_version
from lyceum.kernel.resources import open_resources
from lyceum.kernel.storage import open_storage
from lyceum.kernel.tx import transaction
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
GOOD = pl.DataFrame({"id": [1, 2, 3], "price": [1.0, 2.0, 3.0]})
BAD = pl.DataFrame({"id": [1, None, 3], "price": [1.0, -2.0, 3.0]})
WHOLE = {"kind": "not_null", "column": "id", "blocking": True}
IN_RANGE = {"kind": "range", "column": "price", "min": 0, "blocking": True, "severity": "warning"}


async def _add_check(client: httpx.AsyncClient, address: str, **definition: Any) -> str:
    added = await ok(client.post(f"/api/v1/datasets/{address}/checks", json={"definition": definition}), 201)
    check_id: str = added["id"]
    return check_id


async def _delta_version(hub: StaffedHub, owner: Member, client: httpx.AsyncClient, address: str) -> int | None:
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    key = table_key(owner.org_id, UUID(dataset["id"]))
    return newest_version(table_store(open_storage(hub.settings)), key)


async def _incidents(client: httpx.AsyncClient, address: str, count: int) -> list[dict[str, Any]]:
    async def of_dataset() -> list[dict[str, Any]]:
        items = (await ok(client.get("/api/v1/incidents", params={"state": "open"})))["items"]
        # what blocks nothing runs on the accepted versions, and opens one of its own
        return [one for one in items if one["dataset"] == address and one["title"] != "row_count"]

    found: list[dict[str, Any]] = await until(of_dataset, lambda items: len(items) == count)
    return found


async def test_an_upload_that_fails_a_blocking_check_is_rejected_and_consumers_keep_the_last_good_one(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(GOOD))
        whole, in_range = [await _add_check(client, address, **one) for one in (WHOLE, IN_RANGE)]
        # one that blocks nothing is not asked here
        await _add_check(client, address, kind="row_count", min=100)
        good = await add_version(client, address, "good.csv", csv_of(GOOD))
        assert (good["state"], good["number"]) == ("accepted", 2)
        committed = await _delta_version(staffed_hub, owner, client, address)
        bad = await add_version(client, address, "bad.csv", csv_of(BAD))
        assert (bad["state"], bad["number"], bad["error"]["code"]) == ("rejected", None, "checks_failed")
        assert [(one["check_id"], one["check"]) for one in bad["error"]["checks"]] == [
            (whole, "id.not_null"),
            (in_range, "price.range"),
        ]
        for one in bad["error"]["checks"]:
            assert one["sentence"] in bad["error"]["detail"]
        run = await ok(client.get(f"/api/v1/check-runs/{bad['error']['check_run_id']}"))
        assert (run["state"], run["version_id"]) == ("failed", bad["id"])
        assert [(one["check_id"], one["status"], one["failing_count"]) for one in run["results"]] == [
            (whole, "failed", 1),
            (in_range, "failed", 1),
        ]
        assert run["results"][0]["failing_rows"][0]["line"] == 3
        [listed] = (await ok(client.get(f"/api/v1/dataset-versions/{bad['id']}/check-runs")))["items"]
        assert listed["id"] == run["id"]
        refused = await ok(client.post(f"/api/v1/check-runs/{run['id']}/quarantine", json={"dataset": "odd"}), 409)
        assert (refused["code"], refused["detail"][:22]) == ("version_pending", "bad.csv was held back,")
        # nothing was committed, and who asks for the latest is given the last good one
        assert await _delta_version(staffed_hub, owner, client, address) == committed
        assert (await ok(client.get(f"/api/v1/datasets/{address}")))["latest_version"] == 2
        opened = await _incidents(client, address, 2)
        assert {(one["kind"], one["title"], one["severity"]) for one in opened} == {
            ("check", "id.not_null", "critical"),
            ("check", "price.range", "warning"),
        }
        # what passes is taken again, and ends the trouble
        again = await add_version(client, address, "good.csv", csv_of(GOOD))
        assert (again["state"], again["number"]) == ("accepted", 3)
        await _incidents(client, address, 0)


async def test_a_blocking_check_that_cannot_be_run_holds_the_version_back(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(GOOD))
        await _add_check(client, address, **IN_RANGE)
        other = await add_version(client, address, "other.csv", b"id\n1\n")
        assert (other["state"], other["error"]["code"]) == ("rejected", "checks_failed")
        assert "'price'" in other["error"]["detail"]


async def test_a_check_that_compares_is_given_the_versions_and_datasets_beside(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as other:
        known = await dataset_with(client, csv_of(pl.DataFrame({"id": [1, 2, 3]})))
        hidden = await dataset_with(other, csv_of(pl.DataFrame({"id": [1, 2, 3, 4]})))
        address = await dataset_with(client, csv_of(GOOD))
        referential = {"kind": "referential", "columns": ["id"], "to_columns": ["id"], "blocking": True}
        check_id = await _add_check(client, address, **referential, to=known)
        assert (await add_version(client, address, "t.csv", csv_of(GOOD)))["state"] == "accepted"
        fourth = GOOD.with_columns(id=pl.Series([1, 2, 4]))
        refused = await add_version(client, address, "t.csv", csv_of(fourth))
        assert refused["error"]["code"] == "checks_failed"
        await client.delete(f"/api/v1/checks/{check_id}")
        # what the organisation may not read does not help
        await _add_check(client, address, **referential, to=hidden)
        refused = await add_version(client, address, "t.csv", csv_of(fourth))
        assert "may read" in refused["error"]["detail"]


async def test_pushed_records_that_fail_a_blocking_check_are_kept_with_the_rejected_version_and_pushed_again(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(GOOD))
        check_id = await _add_check(client, address, **WHOLE)
        committed = await _delta_version(staffed_hub, owner, client, address)
        await ok(client.post(f"/api/v1/datasets/{address}/records", json=[{"price": 4}]), 202)
        rejected = await _flushed(staffed_hub, owner, client, address)
        assert (rejected["state"], rejected["error"]["code"]) == ("rejected", "checks_failed")
        assert await _delta_version(staffed_hub, owner, client, address) == committed
        state = await ok(client.get(f"/api/v1/datasets/{address}/records"))
        assert (state["waiting_records"], state["held_records"]) == (0, 1)
        # those that come behind are not held up
        await ok(client.post(f"/api/v1/datasets/{address}/records", json=[{"id": 5, "price": 5}]), 202)
        assert (await _flushed(staffed_hub, owner, client, address))["row_count"] == 4
        await client.delete(f"/api/v1/checks/{check_id}")
        await ok(client.post(f"/api/v1/dataset-versions/{rejected['id']}/push-again"))
        latest = await until(
            lambda: ok(client.get(f"/api/v1/datasets/{address}/versions/latest")), lambda found: found["number"] == 3
        )
        assert latest["row_count"] == 5


async def _flushed(hub: StaffedHub, owner: Member, client: httpx.AsyncClient, address: str) -> Any:
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    async with (
        open_resources(hub.settings, subscribers={}) as resources,
        transaction(resources.database, owner.scope) as tx,
    ):
        begun = await begin_flush(tx, UUID(dataset["id"]))
    return await settled_version(client, str(begun))


async def test_an_earlier_version_that_would_fail_today_is_not_restored(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(BAD))
        await add_version(client, address, "good.csv", csv_of(GOOD))
        await _add_check(client, address, **WHOLE)
        committed = await _delta_version(staffed_hub, owner, client, address)
        begun = await ok(client.post(f"/api/v1/datasets/{address}/versions/1/restore"), 202)
        refused = await settled_version(client, begun["id"])
        assert (refused["state"], refused["error"]["code"]) == ("rejected", "checks_failed")
        assert await _delta_version(staffed_hub, owner, client, address) == committed
        begun = await ok(client.post(f"/api/v1/datasets/{address}/versions/2/restore"), 202)
        assert (await settled_version(client, begun["id"]))["number"] == 3


async def test_columns_that_break_what_the_dataset_allows_leave_no_commit_behind(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(GOOD))
        await ok(client.put(f"/api/v1/datasets/{address}/schema-compatibility", json={"mode": "BACKWARD"}))
        committed = await _delta_version(staffed_hub, owner, client, address)
        refused = await add_version(client, address, "t.csv", b"id,price\nx,1.5\n")
        assert (refused["state"], refused["error"]["code"]) == ("rejected", "schema_incompatible")
        assert refused["error"]["breaks"][0]["at"] == "id"
        assert await _delta_version(staffed_hub, owner, client, address) == committed
        assert rows_of(staffed_hub.database, "SELECT id FROM check_runs WHERE version_id = %s", refused["id"]) == []
