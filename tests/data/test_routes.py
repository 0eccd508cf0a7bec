"""Datasets, versions and checks over HTTP: names, pages, numbers, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member
from make.data import DEFINITION, make_check, make_check_run, make_dataset, make_version


@pytest.fixture
async def client(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the test's own organisation."""
    async with client_of(app, key=member.key) as opened:
        yield opened


async def _pages(client: httpx.AsyncClient, path: str, limit: int) -> list[Any]:
    """Return the pages of a list, followed to its end."""
    pages, cursor = [], None
    while True:
        page = await ok(client.get(path, params={"limit": limit} | ({"cursor": cursor} if cursor else {})))
        pages.append(page["items"])
        cursor = page["next"]
        if cursor is None:
            return pages


async def test_a_dataset_is_made_and_found_under_its_address(client: httpx.AsyncClient, member: Member) -> None:
    wanted = {"name": "Flights.2013", "description": "May", "column_notes": {"dep_delay": "known after take-off"}}
    made = await ok(client.post("/api/v1/datasets", json=wanted), 201)
    assert made["address"] == f"{member.org_name}/Flights.2013"
    assert made["visibility"] == "private"
    assert made["latest_version"] is None
    assert made["column_notes"] == wanted["column_notes"]
    assert await ok(client.get(f"/api/v1/datasets/{made['address']}")) == made
    # An address is the same however it is written, as on a file system that people know.
    assert await ok(client.get(f"/api/v1/datasets/{member.org_name}/flights.2013")) == made


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a-", ".", "a b", "ä", "x" * 97, None, 7])
async def test_a_name_no_address_can_hold_is_refused(client: httpx.AsyncClient, name: object) -> None:
    answer = await client.post("/api/v1/datasets", json={"name": name})
    assert answer.status_code == 422
    assert "name" in answer.json()["detail"]


async def test_a_name_with_a_null_character_is_refused_where_it_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/datasets", json={"name": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert "NUL" in answer.json()["detail"]


async def test_a_refused_name_is_told_with_what_a_name_is(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/datasets", json={"name": "a/b"})
    assert answer.json()["detail"] == (
        "body.name: 'a/b' cannot be a name: use up to 96 letters, digits, dots, dashes and underscores, and begin and end "
        "with a letter or digit."
    )


@pytest.mark.parametrize(
    "more",
    [
        {"description": "a\u0000b"},
        {"description": "x" * 10_001},
        {"visibility": "secret"},
        {"column_notes": {"a": 1}},
        {"owner": "me"},
    ],
)
async def test_what_cannot_be_kept_is_refused(client: httpx.AsyncClient, more: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/datasets", json={"name": "x"} | more)
    assert answer.status_code == 422


async def test_a_name_is_given_once_whatever_its_case(client: httpx.AsyncClient, member: Member) -> None:
    await ok(client.post("/api/v1/datasets", json={"name": "Sales"}), 201)
    again = await client.post("/api/v1/datasets", json={"name": "sales"})
    assert again.status_code == 409
    assert again.json()["code"] == "dataset_exists"
    assert member.org_name in again.json()["detail"]


async def test_of_many_who_want_a_name_at_once_one_gets_it(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/api/v1/datasets", json={"name": "one"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_an_archived_dataset_is_gone_and_its_name_is_free(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member, name="old")
    version_id = make_version(database, member, dataset_id)
    assert (await client.delete(f"/api/v1/datasets/{address}")).status_code == 204
    assert (await client.delete(f"/api/v1/datasets/{address}")).status_code == 404
    for path in (f"/datasets/{address}", f"/datasets/{address}/versions/1", f"/dataset-versions/{version_id}"):
        assert (await client.get(f"/api/v1{path}")).status_code == 404
    assert await _pages(client, "/api/v1/datasets", 5) == [[]]
    await ok(client.post("/api/v1/datasets", json={"name": "old"}), 201)


async def test_pages_visit_every_dataset_once_newest_first(
    client: httpx.AsyncClient, member: Member, stranger: Member, database: TestDatabase
) -> None:
    made = []
    for _ in range(7):
        made.append(make_dataset(database, member)[1])
        make_dataset(database, stranger)
    pages = await _pages(client, "/api/v1/datasets", 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [dataset["address"] for page in pages for dataset in page] == made[::-1]


async def test_pages_visit_every_version_once_newest_first(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    for number in range(1, 6):
        make_version(database, member, dataset_id, number=number)
    pages = await _pages(client, f"/api/v1/datasets/{address}/versions", 2)
    assert [version["number"] for page in pages for version in page] == [5, 4, 3, 2, 1]
    assert (await ok(client.get(f"/api/v1/datasets/{address}/versions/latest")))["number"] == 5
    assert (await ok(client.get(f"/api/v1/datasets/{address}")))["latest_version"] == 5


@pytest.mark.parametrize("cursor", ["x", "AAAA", "!" * 64, "ä"])
async def test_a_cursor_this_hub_never_gave_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/api/v1/datasets", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["code"] == "cursor_invalid"


@pytest.mark.parametrize("number", ["0", "-1", "01", "x", "9" * 10, "1.0", "\u0661", "LATEST"])
async def test_what_is_no_version_number_is_said_to_be_none(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, number: str
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    for path in ("", "/preview", "/profile"):
        answer = await client.get(f"/api/v1/datasets/{address}/versions/{number}{path}")
        assert answer.status_code == 422
        assert answer.json()["code"] == "address_invalid"


async def test_a_version_that_is_not_there_is_named(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    _, address = make_dataset(database, member)
    none_yet = await client.get(f"/api/v1/datasets/{address}/versions/latest")
    assert (none_yet.status_code, none_yet.json()["detail"]) == (404, f"The dataset {address} has no version yet.")
    not_that = await client.get(f"/api/v1/datasets/{address}/versions/999999999")
    assert not_that.json()["detail"] == f"The dataset {address} has no version 999999999."


async def test_an_upload_makes_one_version(client: httpx.AsyncClient, member: Member, database: TestDatabase) -> None:
    _, address = make_dataset(database, member)
    begun = await ok(client.post("/api/v1/uploads", json={"file_name": "a.csv"}), 201)
    wanted = {"upload_id": begun["id"]}
    early = await client.post(f"/api/v1/datasets/{address}/versions", json=wanted)
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_whole")
    assert (await client.put(begun["put_url"], content=b"a\n1\n")).status_code == 200
    answers = await asyncio.gather(
        *(client.post(f"/api/v1/datasets/{address}/versions", json=wanted) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    version = next(answer.json() for answer in answers if answer.status_code == 202)
    assert version["state"] == "pending"
    assert version["number"] is None
    assert version["dataset"] == address
    job = await ok(client.get(f"/api/v1/jobs/{version['job_id']}"))
    assert job["kind"] == "data.read_upload"


async def test_a_strangers_upload_makes_no_version(
    client: httpx.AsyncClient, app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    _, address = make_dataset(database, member)
    async with client_of(app, key=stranger.key) as other:
        begun = await ok(other.post("/api/v1/uploads", json={"file_name": "a.csv"}), 201)
    answer = await client.post(f"/api/v1/datasets/{address}/versions", json={"upload_id": begun["id"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found")


async def test_a_check_is_kept_with_its_reason(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    wanted = {"definition": {"kind": "range", "column": "a", "min": 0}, "reason": "counts"}
    kept = await ok(client.post(f"/api/v1/datasets/{address}/checks", json=wanted), 201)
    assert kept["definition"]["id"] == "a.range"
    assert (kept["origin"], kept["reason"]) == ("person", "counts")
    assert await ok(client.get(f"/api/v1/datasets/{address}/checks")) == {"items": [kept]}


@pytest.mark.parametrize(
    "definition, said",
    [
        ({}, "unknown kind None"),
        ({"kind": "not_nul", "column": "a"}, "did you mean 'not_null'?"),
        ({"kind": "not_null", "column": "A1"}, "which the table does not have"),
        ({"kind": "range", "column": "a"}, "give min, max or both"),
        ({"kind": "range", "column": "a", "min": 10**30}, "64 bits"),
        ({"kind": "not_null", "column": "a", "colour": 1}, "colour"),
        ({"kind": "not_null", "column": ["a"]}, "column"),
        ({"kind": "row_count", "min": -1}, "below zero"),
    ],
)
async def test_a_check_that_says_nothing_is_refused_in_a_sentence(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, definition: dict[str, Any], said: str
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    answer = await client.post(f"/api/v1/datasets/{address}/checks", json={"definition": definition})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid_check"
    assert said in answer.json()["detail"]
    assert await ok(client.get(f"/api/v1/datasets/{address}/checks")) == {"items": []}


async def test_the_same_check_is_kept_once_and_another_of_its_kind_gets_a_number(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    path = f"/api/v1/datasets/{address}/checks"
    first = {"definition": {"kind": "range", "column": "a", "min": 0}}
    answers = await asyncio.gather(*(client.post(path, json=first) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers if answer.status_code == 409} == {"check_exists"}
    other = await ok(client.post(path, json={"definition": {"kind": "range", "column": "a", "min": 5}}), 201)
    assert other["definition"]["id"] == "a.range-2"


async def test_a_dataset_without_a_version_takes_no_checks(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    _, address = make_dataset(database, member)
    for path, body in (("checks", {"definition": DEFINITION}), ("checks/suggest", None)):
        answer = await client.post(f"/api/v1/datasets/{address}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")


async def test_a_dropped_check_is_not_run_and_its_results_stay(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    version_id = make_version(database, member, dataset_id)
    check_id = make_check(database, member, dataset_id)
    run_id = make_check_run(database, member, version_id, results_of=(check_id,))
    assert (await client.delete(f"/api/v1/checks/{check_id}")).status_code == 204
    assert (await client.delete(f"/api/v1/checks/{check_id}")).status_code == 404
    assert await ok(client.get(f"/api/v1/datasets/{address}/checks")) == {"items": []}
    run = await ok(client.get(f"/api/v1/check-runs/{run_id}"))
    assert [result["check_id"] for result in run["results"]] == [str(check_id)]
    nothing = await client.post(f"/api/v1/datasets/{address}/versions/1/check-runs", json={})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_check")


async def test_a_dataset_has_so_many_checks_and_no_more(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    rows_of(
        database,
        """
        INSERT INTO checks (id, org_id, dataset_id, definition, origin)
        SELECT gen_random_uuid(), %s, %s, jsonb_build_object('kind', 'row_count', 'id', n::text, 'min', n), 'person'
        FROM generate_series(1, 1000) AS n
        """,
        member.org_id,
        dataset_id,
    )
    answer = await client.post(f"/api/v1/datasets/{address}/checks", json={"definition": DEFINITION})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_checks")
