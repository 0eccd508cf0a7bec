"""Records pushed over HTTP wait in the database and become versions, by a real worker on real files."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import polars as pl
import pytest

from fixtures.app import client_of, rows_of, running_app
from fixtures.staffed import StaffedHub, add_version, csv_of, dataset_with, new_dataset, ok, until
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.pushes.jobs import begin_flush
from lyceum.data.datasets.rows.public import scan_unmasked
from lyceum.kernel.resources import open_resources
from lyceum.kernel.storage import open_storage
from lyceum.kernel.tx import transaction
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
FRAME = pl.DataFrame(
    {
        "id": [1, 2],
        "day": ["2024-01-01", "2024-01-02"],
        "at": ["2024-01-01T10:00:00Z", "2024-01-02T11:30:00Z"],
        "price": [1.5, 2.0],
        "name": ["a", "b"],
    }
)


@pytest.fixture
async def patient_client(staffed_hub: StaffedHub) -> AsyncIterator[Client]:
    """As `hub_client`, of a hub that makes no version of what is pushed until the test asks for it."""
    async with running_app(staffed_hub.settings.model_copy(update={"push_flush_seconds": 3600})) as app:
        yield lambda who: client_of(app, key=who.key)


async def _push(client: httpx.AsyncClient, address: str, records: list[dict[str, Any]]) -> Any:
    return await ok(client.post(f"/api/v1/datasets/{address}/records", json=records), 202)


async def _flush(hub: StaffedHub, owner: Member, client: httpx.AsyncClient, address: str) -> Any:
    """Begin a version of what waits, not waiting for the window to end, and return it once it is decided."""
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    async with (
        open_resources(hub.settings, subscribers={}) as resources,
        transaction(resources.database, owner.scope) as tx,
    ):
        begun = await begin_flush(tx, UUID(dataset["id"]))
    assert begun is not None
    return await until(
        lambda: ok(client.get(f"/api/v1/dataset-versions/{begun}")), lambda version: version["state"] != "pending"
    )


async def _rows(hub: StaffedHub, owner: Member, client: httpx.AsyncClient, address: str, number: int) -> pl.DataFrame:
    dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
    statement = "SELECT delta_version FROM dataset_versions WHERE dataset_id = %s AND number = %s"
    [row] = rows_of(hub.database, statement, dataset["id"], number)
    key = table_key(owner.org_id, UUID(dataset["id"]))
    return scan_unmasked(open_storage(hub.settings), key, row["delta_version"]).collect()


async def test_pushed_records_follow_the_rows_of_the_version_before(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with patient_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        record = {"id": 3, "day": "2024-01-03", "at": "2024-01-03T12:00:00+02:00", "price": 3, "name": "c"}
        pushed = await _push(client, address, [record, {"id": 4}])
        assert (pushed["dataset"], pushed["records"]) == (address, 2)
        await _push(client, address, [{"name": "e\x00", "price": -1e300}])
        state = await ok(client.get(f"/api/v1/datasets/{address}/records"))
        assert (state["waiting_batches"], state["waiting_records"], state["held_records"]) == (2, 3, 0)
        version = await _flush(staffed_hub, owner, client, address)
        assert (version["state"], version["number"], version["row_count"]) == ("accepted", 2, 5), version
        assert version["source"] == {"format": "push", "batches": 2, "records": 3, "follows": 1, "notes": []}
        assert [column["nullable"] for column in version["table_schema"]["columns"]] == [True] * 5
        rows = await _rows(staffed_hub, owner, client, address, 2)
        assert rows["id"].to_list() == [1, 2, 3, 4, None]
        assert str(rows["at"][2]) == "2024-01-03 10:00:00+00:00"
        assert rows["name"].to_list() == ["a", "b", "c", None, "e\x00"]
        assert rows["price"].to_list() == [1.5, 2.0, 3.0, None, -1e300]
        profile = await ok(client.get(f"/api/v1/datasets/{address}/versions/2/profile"))
        assert profile["rows"] == 5
        assert (await _rows(staffed_hub, owner, client, address, 1)).height == 2
        assert (await ok(client.get(f"/api/v1/datasets/{address}/records")))["waiting_records"] == 0
    assert rows_of(staffed_hub.database, "SELECT FROM pushed_batches WHERE org_id = %s", owner.org_id) == []


async def test_records_are_pushed_into_columns_whose_names_hold_quotation_marks_and_backslashes(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    names = ['height "in"', "path\\to", "id"]
    async with patient_client(owner) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({names[0]: [60], names[1]: ["c:\\"], "id": [1]})))
        await _push(client, address, [dict(zip(names, (61, 'd:\\"', 2), strict=True))])
        version = await _flush(staffed_hub, owner, client, address)
        assert (version["state"], version["row_count"]) == ("accepted", 2), version
        rows = await _rows(staffed_hub, owner, client, address, 2)
        assert rows.rows() == [(60, "c:\\", 1), (61, 'd:\\"', 2)]


async def test_the_first_records_make_the_columns(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with patient_client(owner) as client:
        address = await new_dataset(client)
        await _push(client, address, [{"a": 1, "when": "2024-01-01"}])
        lines = b'{"a": 2, "b": "x"}\n\n{"a": 3.5}\n'
        headers = {"content-type": "application/x-ndjson"}
        path = f"/api/v1/datasets/{address}/records"
        assert (await ok(client.post(path, content=lines, headers=headers), 202))["records"] == 2
        version = await _flush(staffed_hub, owner, client, address)
        assert (version["state"], version["number"], version["row_count"]) == ("accepted", 1, 3), version
        assert {column["name"]: column["type"] for column in version["table_schema"]["columns"]} == {
            "a": "float",
            "when": "date",
            "b": "string",
        }


async def test_a_version_is_made_without_being_asked_for(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        await _push(client, address, [{"id": 3}])
        version = await until(
            lambda: ok(client.get(f"/api/v1/datasets/{address}/versions/latest")), lambda found: found["number"] == 2
        )
        assert version["row_count"] == 3


@pytest.mark.parametrize(
    "records, said",
    [
        ([{"id": "x"}], ["Record 1", "'id'", "whole number"]),
        ([{"id": 1}, {"id": 1.5}], ["Record 2", "'id'"]),
        ([{"id": 2**63}], ["'id'", "64 bits"]),
        ([{"nope": 1}], ["'nope'", "no column"]),
        ([{"day": "2024-02-30"}], ["'day'", "a date"]),
        ([{"at": "2024-01-01T10:00:00"}], ["'at'", "with an offset"]),
        ([{"name": {"first": "a"}}], ["'name'", "a text"]),
        ([["id", 1]], ["Record 1"]),
        ({"id": 1}, ["not a list"]),
        ([], ["no record"]),
    ],
)
async def test_records_that_do_not_fit_are_refused_with_their_place_and_nothing_is_kept(
    hub_client: Client, owner: Member, staffed_hub: StaffedHub, records: Any, said: list[str]
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        refused = await client.post(f"/api/v1/datasets/{address}/records", json=records)
        assert (refused.status_code, refused.json()["code"]) == (422, "records_unreadable")
        assert all(part in refused.json()["detail"] for part in said), refused.json()
        assert (await ok(client.get(f"/api/v1/datasets/{address}/records")))["waiting_batches"] == 0


async def test_what_an_upload_meanwhile_made_unfitting_is_held_and_the_rest_goes_on(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with patient_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        await _push(client, address, [{"id": 3, "price": 1.0}])
        await _push(client, address, [{"id": 4}])
        await add_version(client, address, "other.csv", csv_of(FRAME.drop("price")))
        version = await _flush(staffed_hub, owner, client, address)
        assert (version["state"], version["number"], version["row_count"]) == ("accepted", 3, 3)
        versions = (await ok(client.get(f"/api/v1/datasets/{address}/versions")))["items"]
        [held] = [found for found in versions if found["state"] == "rejected"]
        assert held["error"]["code"] == "records_unfitting"
        assert "'price'" in held["error"]["detail"]
        state = await ok(client.get(f"/api/v1/datasets/{address}/records"))
        assert (state["waiting_records"], state["held_records"]) == (0, 1)
        # once there is such a column again, they are appended after all
        await add_version(client, address, "again.csv", csv_of(FRAME))
        path = f"/api/v1/dataset-versions/{held['id']}/push-again"
        back = await ok(client.post(path))
        assert (back["waiting_records"], back["held_records"]) == (1, 0)
        again = await client.post(path)
        assert (again.status_code, again.json()["code"]) == (409, "nothing_held")
        latest = await until(
            lambda: ok(client.get(f"/api/v1/datasets/{address}/versions/latest")), lambda found: found["number"] == 5
        )
        assert latest["row_count"] == 3


async def test_a_time_that_there_is_none_of_in_utc_holds_up_nobody_elses_records(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    beyond = {"id": 3, "at": "9999-12-31T23:59:59-05:00"}
    async with patient_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME.with_columns(at=pl.lit("soon"))))
        await _push(client, address, [beyond])
        await _push(client, address, [{"id": 4, "at": "9999-12-31T23:59:59Z"}])
        await add_version(client, address, "other.csv", csv_of(FRAME))
        refused = await client.post(f"/api/v1/datasets/{address}/records", json=[{"id": 5}, beyond])
        assert (refused.status_code, refused.json()["code"]) == (422, "records_unreadable")
        assert refused.json()["detail"].startswith("Record 2, column 'at': 9999-12-31T23:59:59-05:00 lies outside")
        version = await _flush(staffed_hub, owner, client, address)
        assert (version["state"], version["row_count"]) == ("accepted", 3), version
        assert (await ok(client.get(f"/api/v1/datasets/{address}/records")))["held_records"] == 1


async def test_an_upload_accepted_while_records_were_appended_is_not_lost(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    async with patient_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        for number in range(3):
            pushed = await _push(client, address, [{"id": 100 + number}])
            version, flushed = await asyncio.gather(
                add_version(client, address, "whole.csv", csv_of(FRAME.with_columns(pl.col("id") + number))),
                _flush(staffed_hub, owner, client, address),
            )
            assert (version["state"], flushed["state"]) == ("accepted", "accepted")
            ids = (await _rows(staffed_hub, owner, client, address, flushed["number"]))["id"].to_list()
            assert ids[-1] == 100 + number, pushed
            if flushed["number"] > version["number"]:
                assert ids == [1 + number, 2 + number, 100 + number]


@pytest.mark.deep
async def test_many_appends_leave_few_files_and_every_version_as_it_was(
    patient_client: Client, owner: Member, staffed_hub: StaffedHub
) -> None:
    from lyceum.data.datasets.rows.public import table_store
    from lyceum.data.datasets.tables import files_of

    async with patient_client(owner) as client:
        address = await dataset_with(client, b"a\n0\n")
        for number in range(1, 20):
            await _push(client, address, [{"a": number}])
            await _flush(staffed_hub, owner, client, address)
        dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
        for number in (2, 15, 16, 17, 20):
            rows = await _rows(staffed_hub, owner, client, address, number)
            assert rows["a"].to_list() == list(range(number))
    store = table_store(open_storage(staffed_hub.settings))
    assert len(files_of(store, table_key(owner.org_id, UUID(dataset["id"])), 20)) <= 6


async def test_a_push_sent_again_with_its_key_is_kept_once(hub_client: Client, owner: Member) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FRAME))
        path, headers = f"/api/v1/datasets/{address}/records", {"idempotency-key": "once"}
        first = await client.post(path, json=[{"id": 3}], headers=headers)
        again = await client.post(path, json=[{"id": 3}], headers=headers)
        assert (first.status_code, again.content) == (202, first.content)
        assert (await ok(client.get(path)))["waiting_records"] + (await ok(client.get(path)))["in_hand_records"] <= 1


async def test_only_who_may_write_pushes_and_other_forms_are_refused(
    hub_client: Client, owner: Member, outsider: Member
) -> None:
    async with hub_client(owner) as client, hub_client(outsider) as other:
        address = await dataset_with(client, csv_of(FRAME), visibility="internal")
        path = f"/api/v1/datasets/{address}/records"
        assert (await other.post(path, json=[{"id": 3}])).status_code == 404
        refused = await client.post(path, content=b"id\n3\n", headers={"content-type": "text/csv"})
        assert (refused.status_code, refused.json()["code"]) == (415, "media_type_unknown")
        # the hub is shared, and everyone on it sees what is internal
        assert (await client.delete(f"/api/v1/datasets/{address}")).status_code == 204
