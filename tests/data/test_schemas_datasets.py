"""What a dataset's columns are and were, and which changes of them it allows."""

from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.servers import TestDatabase
from fixtures.staffed import add_version, csv_of, dataset_with, ok
from make.accounts import Member, make_grant, make_member
from make.data import make_dataset
from make.schemas import make_schema

FIRST = pl.DataFrame({"flight": [1, 2], "carrier name": ["UA", None]})


async def schemas_of(client: httpx.AsyncClient, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await ok(client.get(f"/api/v1/datasets/{address}/schemas")))["items"]
    return found


async def test_each_version_that_changes_the_columns_adds_a_schema_and_one_that_breaks_is_rejected(
    hub_client: Callable[..., httpx.AsyncClient], owner: Member
) -> None:
    async with hub_client(owner) as client:
        address = await dataset_with(client, csv_of(FIRST))
        same = FIRST.with_columns(pl.lit("AA").alias("carrier name"))
        assert (await add_version(client, address, "t.csv", csv_of(same)))["state"] == "accepted"
        wider = FIRST.with_columns(pl.Series("delay", [1.5, None]))
        await add_version(client, address, "t.csv", csv_of(wider))
        newest, first = await schemas_of(client, address)
        assert [(one["version"], one["dataset_version"]) for one in (first, newest)] == [("1.0.0", 1), ("1.1.0", 3)]
        diff = await ok(client.get(f"/api/v1/datasets/{address}/schema-diff"))
        assert (diff["level"], [one["says"] for one in diff["changes"]]) == ("minor", ["The field delay is new."])
        mode = f"/api/v1/datasets/{address}/schema-compatibility"
        assert await ok(client.get(mode)) == {"mode": "NONE"}
        assert await ok(client.put(mode, json={"mode": "BACKWARD"})) == {"mode": "BACKWARD"}
        narrower = wider.with_columns(pl.lit("x").alias("flight"))
        refused = await add_version(client, address, "t.csv", csv_of(narrower))
        assert (refused["state"], refused["error"]["code"], refused["error"]["status"]) == (
            *("rejected", "schema_incompatible"),
            409,
        )
        [broken] = refused["error"]["breaks"]
        assert (broken["at"], broken["direction"]) == ("flight", "backward")
        assert broken["fix"] == "Keep the type long at flight, or add a field of another name with the type string."
        assert len(await schemas_of(client, address)) == 2
        # what is good again is taken again, with the next number
        accepted = await add_version(client, address, "t.csv", csv_of(wider))
        assert (accepted["state"], accepted["number"]) == ("accepted", 4)


@pytest.fixture
def dataset(database: TestDatabase, member: Member) -> str:
    """The address of a dataset with one integer column, `a`, without missing values."""
    dataset_id, address = make_dataset(database, member)
    make_schema(database, member, dataset_id=dataset_id)
    return address


async def test_a_try_lists_each_break_and_what_would_fix_it_and_keeps_nothing(
    app: FastAPI, member: Member, dataset: str
) -> None:
    async with client_of(app, key=member.key) as client:
        path = f"/api/v1/datasets/{dataset}/schema-tries"
        columns = [{"name": "a", "type": "string", "nullable": False}, {"name": "b", "type": "date", "nullable": False}]
        verdict = await ok(client.post(path, json={"columns": columns, "mode": "FULL"}))
        assert (verdict["is_compatible"], verdict["breaks_version"], verdict["level"]) == (False, 1, "major")
        assert [(one["at"], one["direction"]) for one in verdict["breaks"]] == [
            *(("a", "backward"), ("a", "forward"), ("b", "backward")),
        ]
        assert verdict["breaks"][2]["fix"] == "Give the field b a default."
        assert (await ok(client.post(path, json={"columns": columns})))["is_compatible"]
        assert len(await schemas_of(client, dataset)) == 1
        for unusable in ({}, {"columns": [], "avro": "x"}, {"avro": "{"}, {"columns": [{"name": "a", "type": "odd"}]}):
            assert (await client.post(path, json=unusable)).status_code == 422


async def test_who_may_read_a_dataset_sees_its_schemas_and_nobody_else(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase, dataset: str
) -> None:
    granted = make_member(database)
    [found] = rows_of(database, "SELECT id FROM datasets WHERE name = %s", dataset.partition("/")[2])
    make_grant(database, member, "dataset", found["id"], to=granted)
    async with client_of(app, key=granted.key) as theirs, client_of(app, key=stranger.key) as nobodys:
        assert [one["version"] for one in await schemas_of(theirs, dataset)] == ["1.0.0"]
        assert (await theirs.get(f"/api/v1/datasets/{dataset}/schema-diff")).status_code == 200
        tries = f"/api/v1/datasets/{dataset}/schema-tries"
        assert (await theirs.post(tries, json={"avro": '"int"'})).status_code == 200
        assert (await nobodys.post(tries, json={"avro": '"int"'})).status_code == 404
        changing = f"/api/v1/datasets/{dataset}/schema-compatibility"
        assert (await theirs.put(changing, json={"mode": "FULL"})).status_code in {403, 404}
        for path in ("schemas", "schema-diff", "schema-compatibility"):
            assert (await nobodys.get(f"/api/v1/datasets/{dataset}/{path}")).status_code == 404
        # the registry of their own organisation has none of it
        assert (await theirs.get("/schema-registry/subjects?deleted=true")).json() == []
        assert (await theirs.get("/schema-registry/schemas/ids/1")).status_code == 404


async def test_a_subject_of_a_dataset_is_read_and_not_written_by_clients_of_the_registry(
    app: FastAPI, member: Member, dataset: str
) -> None:
    async with client_of(app, key=member.key) as client:
        [subject] = (await client.get("/schema-registry/subjects")).json()
        assert subject.startswith("datasets/")
        path = f"/schema-registry/subjects/{subject.replace('/', '%2F')}"
        assert (await client.get(f"{path}/versions/latest")).json()["version"] == 1
        for refused in (
            await client.post(f"{path}/versions", json={"schema": '"string"'}),
            await client.delete(path),
        ):
            assert (refused.status_code, refused.json()["error_code"]) == (422, 42205)
