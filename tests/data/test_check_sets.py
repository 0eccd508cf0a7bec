"""Whole sets of checks over HTTP: as a file, from other tools, as a contract, and what other tools found."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import polars as pl
import pytest
import yaml

from fixtures.staffed import csv_of, dataset_with, ok
from make.accounts import Member

Client = Callable[..., httpx.AsyncClient]
FILE = """checks:
  - kind: not_null
    column: country
  - kind: range
    column: age
    min: 0
    tags: [people]
"""
SUITE = {
    "expectation_suite_name": "people",
    "expectations": [
        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "country"}},
        {"expectation_type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "max_value": 120}},
        {"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "shoe_size"}},
        {"expectation_type": "expect_column_median_to_be_between", "kwargs": {"column": "age", "min_value": 1}},
    ],
}
RESULTS = {
    "results": [
        {"unique_id": "test.shop.not_null_age.1a2b", "status": "fail", "failures": 3, "message": "Got 3 results"},
        {"unique_id": "test.shop.unique_age.3c4d", "status": "pass", "failures": 0, "message": None},
        {"unique_id": "model.shop.people", "status": "success"},
    ]
}


def _people() -> bytes:
    return csv_of(pl.DataFrame({"age": [n % 90 for n in range(60)], "country": ["DE", "FR", "IT"] * 20}))


@pytest.fixture
async def place(hub_client: Client, owner: Member) -> Any:
    """A client and the address of a dataset."""
    async with hub_client(owner) as client:
        yield client, await dataset_with(client, _people())


async def _push(client: httpx.AsyncClient, address: str, text: str, **params: Any) -> httpx.Response:
    headers = {"content-type": "application/yaml"}
    return await client.put(
        f"/api/v1/datasets/{address}/checks.yaml", content=text.encode(), params=params, headers=headers
    )


async def test_a_file_of_checks_replaces_the_set_and_says_before_what_it_changes(place: Any) -> None:
    client, address = place
    checks = f"/api/v1/datasets/{address}/checks"
    for definition in ({"kind": "range", "column": "age", "min": 1}, {"kind": "row_count", "min": 5}):
        await ok(client.post(checks, json={"definition": definition, "reason": "so said Ada"}), 201)
    [ranged, _] = (await ok(client.get(checks)))["items"]

    planned = (await _push(client, address, FILE, dry_run=True)).json()
    assert [each["id"] for each in planned["added"]] == ["country.not_null"]
    assert [(each["id"], each["before"]["min"], each["after"]["min"]) for each in planned["changed"]] == [
        ("age.range", 1, 0)
    ]
    assert [each["id"] for each in planned["dropped"]] == ["row_count"]
    assert (planned["unchanged_count"], planned["is_applied"]) == (0, False)
    assert len((await ok(client.get(checks)))["items"]) == 2

    pushed = (await _push(client, address, FILE)).json()
    assert pushed == planned | {"is_applied": True}
    kept = (await ok(client.get(checks)))["items"]
    assert [(each["definition"]["id"], each["origin"]) for each in kept] == [
        ("age.range", "person"),
        ("country.not_null", "file"),
    ]
    # what is called the same is the same check, with all that it found
    assert (kept[0]["id"], kept[0]["revision"], kept[0]["reason"]) == (ranged["id"], 2, "so said Ada")

    pulled = await client.get(f"{checks}.yaml")
    assert pulled.headers["content-type"].startswith("application/yaml")
    assert "# so said Ada" in pulled.text
    assert yaml.safe_load(pulled.text)["checks"][0] == {"kind": "range", "column": "age", "min": 0, "tags": ["people"]}
    again = (await _push(client, address, pulled.text)).json()
    assert (again["added"], again["changed"], again["dropped"], again["unchanged_count"]) == ([], [], [], 2)


@pytest.mark.parametrize(
    "text, told",
    [
        ("checks:\n  - kind: not_null\n    column: county\n", "'country'"),
        ("checks:\n  - kind: not_nil\n    column: age\n", "line 2"),
        ("checks: []\n", "no checks"),
        ("\ufffe", "checks.yaml"),
    ],
)
async def test_a_file_that_cannot_be_used_changes_nothing(place: Any, text: str, told: str) -> None:
    client, address = place
    await ok(
        client.post(f"/api/v1/datasets/{address}/checks", json={"definition": {"kind": "row_count", "min": 5}}), 201
    )
    refused = await _push(client, address, text)
    assert refused.status_code == 422
    assert told in refused.json()["detail"]
    assert len((await ok(client.get(f"/api/v1/datasets/{address}/checks")))["items"]) == 1


async def test_a_suite_of_great_expectations_is_taken_over_and_what_cannot_be_is_told(place: Any) -> None:
    client, address = place
    path = f"/api/v1/datasets/{address}/checks"
    await ok(client.post(path, json={"definition": {"kind": "not_null", "column": "country"}}), 201)
    wanted = {"text": json.dumps(SUITE), "file_name": "people.json"}
    dry = await ok(client.post(f"{path}/import", json=wanted | {"dry_run": True}), 201)
    assert len((await ok(client.get(path)))["items"]) == 1
    done = await ok(client.post(f"{path}/import", json=wanted), 201)
    assert done == dry | {"is_applied": True}
    assert (done["tool"], done["known"]) == ("Great Expectations", ["country.not_null"])
    assert [each["id"] for each in done["added"]] == ["age.range"]
    assert {each["what"].split(" ")[0] for each in done["left_out"]} == {
        "shoe_size.not_null",
        "expect_column_median_to_be_between",
    }
    kept = (await ok(client.get(path)))["items"][1]
    assert (kept["origin"], kept["reason"]) == ("file", "From people.json, written for Great Expectations.")
    unknown = await client.post(f"{path}/import", json={"text": "hello"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid_check")


async def test_a_contract_that_was_written_here_is_read_as_it_was(place: Any) -> None:
    client, address = place
    await _push(client, address, FILE)
    contract = await client.get(f"/api/v1/datasets/{address}/checks.odcs.yaml")
    assert yaml.safe_load(contract.text)["kind"] == "DataContract"
    path = f"/api/v1/datasets/{address}/checks/import"
    back = await ok(client.post(path, json={"text": contract.text}), 201)
    assert back["tool"] == "the Open Data Contract Standard"
    # a contract says which columns there are, which no check of the dataset had said
    assert ([each["kind"] for each in back["added"]], back["left_out"]) == (["schema"], [])
    assert sorted(back["known"]) == ["age.range", "country.not_null"]


async def test_what_dbt_found_stands_among_the_runs_with_its_messages(place: Any) -> None:
    client, address = place
    path = f"/api/v1/datasets/{address}/versions/1"
    kept = await ok(client.post(f"{path}/outside-runs", json={"text": json.dumps(RESULTS)}), 201)
    assert (kept["origin"], kept["state"]) == ("dbt", "failed")
    assert [
        (each["check_id"], each["definition"]["id"], each["status"], each["sentence"]) for each in kept["results"]
    ] == [
        (None, "not_null_age", "failed", "Got 3 results"),
        (None, "unique_age", "passed", "It passed."),
    ]
    assert await ok(client.get(f"/api/v1/check-runs/{kept['id']}")) == kept
    [listed] = (await ok(client.get(f"{path}/check-runs")))["items"]
    assert listed["id"] == kept["id"]
    none = await client.post(f"{path}/outside-runs", json={"text": "{}"})
    assert (none.status_code, none.json()["code"]) == (422, "invalid_check")


async def test_a_dataset_has_a_check_once_whatever_lists_it_holds(place: Any) -> None:
    client, address = place
    path = f"/api/v1/datasets/{address}/checks"
    asked = {"definition": {"kind": "in_set", "column": "country", "values": ["DE", "FR", "IT"]}}
    await ok(client.post(path, json=asked), 201)
    again = await client.post(path, json=asked)
    assert (again.status_code, again.json()["code"]) == (409, "check_exists")
