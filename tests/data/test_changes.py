"""What a dataset says of itself is changed by several people, and nobody overwrites what they have not seen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from fixtures.app import ServedProcess, client_of, eventually, rows_of
from fixtures.queue import somebody_waits
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum_client import Client, Conflict
from make.accounts import Member, make_member
from make.data import make_dataset, make_version

EDITORS = 6
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
CHANGES: list[dict[str, Any]] = [
    {"description": "flights of 2013"},
    {"description": ""},
    {"column_notes": {"dep_delay": "known after take-off"}},
    {"column_notes": {}},
    {"tags": ["flights", "us-east.1"], "licence": "CC-BY-4.0"},
    {"tags": [], "licence": ""},
    {"visibility": "public"},
    {"description": "flights", "column_notes": {"day": "of departure"}, "visibility": "internal"},
]


@pytest.fixture
async def client(fresh_app: FastAPI, fresh_member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the one organisation in a database of the test's own: what it shows, other tests would see."""
    async with client_of(fresh_app, key=fresh_member.key) as opened:
        yield opened


async def make(client: httpx.AsyncClient) -> dict[str, Any]:
    """Make a dataset that says something of itself."""
    wanted = {"name": "flights", "description": "May", "column_notes": {"day": "in UTC"}}
    made: dict[str, Any] = await ok(client.post("/api/v1/datasets", json=wanted), 201)
    return made


async def change(
    client: httpx.AsyncClient, address: str, wanted: dict[str, Any], if_match: str | None
) -> httpx.Response:
    headers = {} if if_match is None else {"if-match": if_match}
    return await client.patch(f"/api/v1/datasets/{address}", json=wanted, headers=headers)


@pytest.mark.parametrize("wanted", CHANGES)
async def test_what_is_sent_changes_and_the_rest_stays(client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    made = await make(client)
    changed = await change(client, made["address"], wanted, '"1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json() == made | wanted | {"revision": 2}
    read = await client.get(f"/api/v1/datasets/{made['address']}")
    assert (read.json(), read.headers["etag"]) == (changed.json(), '"2"')


async def test_a_readme_is_changed_with_the_dataset_and_read_by_itself(client: httpx.AsyncClient) -> None:
    wanted = {"name": "told", "readme": "# Flights", "tags": ["b", "a", "b"], "licence": "CC0-1.0"}
    made = await ok(client.post("/api/v1/datasets", json=wanted), 201)
    assert (made["tags"], made["licence"]) == (["b", "a"], "CC0-1.0")
    assert "readme" not in made
    path = f"/api/v1/datasets/{made['address']}/readme"
    assert await ok(client.get(path)) == {"readme": "# Flights"}
    changed = await change(client, made["address"], {"readme": "<script>as written</script>"}, '"1"')
    assert changed.json() == made | {"revision": 2}
    assert await ok(client.get(path)) == {"readme": "<script>as written</script>"}


async def test_who_makes_a_dataset_may_change_it_from_that_answer(client: httpx.AsyncClient) -> None:
    wanted, once = {"name": "flights"}, {"idempotency-key": "once"}
    made = [await client.post("/api/v1/datasets", json=wanted, headers=once) for _ in range(2)]
    assert [(answer.headers["etag"], answer.json()["revision"]) for answer in made] == [('"1"', 1)] * 2
    changed = await change(client, made[1].json()["address"], {"description": "x"}, made[1].headers["etag"])
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "other"},
        {"description": None},
        {"description": "x" * 10_001},
        {"description": "x", "revision": 7},
        {"column_notes": {"a": 1}},
        {"column_notes": None},
        {"visibility": "secret"},
        {"tags": ["Two Words"]},
        {"tags": [f"t{number}" for number in range(21)]},
        {"readme": "x" * 100_001},
        ["description"],
    ],
)
async def test_what_cannot_be_changed_is_refused_and_nothing_is(client: httpx.AsyncClient, wanted: Any) -> None:
    made = await make(client)
    assert (await change(client, made["address"], wanted, '"1"')).status_code == 422
    assert await ok(client.get(f"/api/v1/datasets/{made['address']}")) == made


async def test_a_change_of_nothing_is_refused_in_a_sentence(client: httpx.AsyncClient) -> None:
    refused = await change(client, (await make(client))["address"], {}, '"1"')
    assert (refused.status_code, refused.json()["code"]) == (422, "change_empty")
    assert (
        refused.json()["detail"]
        == "Nothing is to be changed; send description, column_notes, tags, licence, readme, visibility or sensitive."
    )


async def test_a_change_of_what_was_not_read_is_refused_with_what_is_there(client: httpx.AsyncClient) -> None:
    made = await make(client)
    blind = await change(client, made["address"], {"description": "blind"}, None)
    assert (blind.status_code, blind.json()["code"]) == (428, "revision_needed")
    newest = (await change(client, made["address"], {"description": "first"}, '"1"')).json()
    late = await change(client, made["address"], {"visibility": "public"}, '"1"')
    assert (late.status_code, late.headers["etag"], late.json()["newest"]) == (412, '"2"', newest)
    assert await ok(client.get(f"/api/v1/datasets/{made['address']}")) == newest


async def test_of_those_who_change_the_same_version_at_once_one_wins_and_the_others_are_told(
    client: httpx.AsyncClient, fresh_database: TestDatabase
) -> None:
    address = (await make(client))["address"]
    with psycopg.connect(fresh_database.dsn("owner")) as holding:
        holding.execute("SELECT FROM datasets FOR UPDATE")
        editing = [asyncio.create_task(change(client, address, wanted, '"1"')) for wanted in CHANGES]
        await eventually(lambda: len(rows_of(fresh_database, WAITING, role="admin")) == len(CHANGES))
    answers = await asyncio.gather(*editing)
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (len(CHANGES) - 1)
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    told = [answer.json()["newest"] for answer in answers if answer.status_code == 412]
    assert told == [winner] * len(told)
    assert await ok(client.get(f"/api/v1/datasets/{address}")) == winner


async def test_nothing_is_lost_of_what_many_add_to_the_same_notes(client: httpx.AsyncClient) -> None:
    made = await make(client)

    async def add(column: str) -> None:
        seen = made
        while True:
            notes = seen["column_notes"] | {column: "noted"}
            answer = await change(client, made["address"], {"column_notes": notes}, f'"{seen["revision"]}"')
            if answer.status_code == 200:
                return
            seen = answer.json()["newest"]

    columns = [f"column {number}" for number in range(EDITORS)]
    await asyncio.gather(*map(add, columns))
    newest = await ok(client.get(f"/api/v1/datasets/{made['address']}"))
    assert newest["column_notes"] == made["column_notes"] | dict.fromkeys(columns, "noted")
    assert newest["revision"] == 1 + EDITORS


async def test_a_change_does_not_wait_for_a_version_that_is_being_begun(
    client: httpx.AsyncClient, fresh_member: Member, fresh_database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(fresh_database, fresh_member)
    begun = """
        INSERT INTO dataset_versions (id, org_id, dataset_id, operation_id, file_name)
        VALUES (gen_random_uuid(), %s, %s, gen_random_uuid(), 'table.csv')
    """
    with psycopg.connect(fresh_database.dsn("owner")) as uploading:
        uploading.execute(begun, (fresh_member.org_id, dataset_id))
        changing = asyncio.create_task(change(client, address, {"description": "x"}, '"1"'))
        await eventually(changing.done)
    assert (await changing).status_code == 200


async def test_a_new_version_is_shown_and_leaves_the_revision_as_it_is(
    client: httpx.AsyncClient, fresh_member: Member, fresh_database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(fresh_database, fresh_member)
    make_version(fresh_database, fresh_member, dataset_id, number=3)
    changed = await change(client, address, {"description": "x"}, '"1"')
    assert (changed.json()["latest_version"], changed.json()["revision"]) == (3, 2)


async def test_an_archived_dataset_cannot_be_changed(client: httpx.AsyncClient) -> None:
    address = (await make(client))["address"]
    assert (await client.delete(f"/api/v1/datasets/{address}")).status_code == 204
    assert (await change(client, address, {"description": "x"}, "*")).status_code == 404


async def test_others_see_a_dataset_as_long_as_it_is_shown_to_them(
    fresh_app: FastAPI, client: httpx.AsyncClient, fresh_database: TestDatabase
) -> None:
    address = (await make(client))["address"]
    seen = []
    async with client_of(fresh_app, key=make_member(fresh_database).key) as theirs:
        for visibility in ("internal", "private", "public", "private"):
            assert (await change(client, address, {"visibility": visibility}, "*")).status_code == 200
            seen.append((await theirs.get(f"/api/v1/datasets/{address}")).status_code)
    assert seen == [200, 404, 200, 404]


async def test_the_apis_document_shows_the_tags(anonymous: httpx.AsyncClient) -> None:
    paths = (await ok(anonymous.get("/api/openapi.json")))["paths"]
    one = paths["/api/v1/datasets/{org}/{name}"]
    assert "ETag" in paths["/api/v1/datasets"]["post"]["responses"]["201"]["headers"]
    assert "ETag" in one["get"]["responses"]["200"]["headers"]
    assert "ETag" in one["patch"]["responses"]["200"]["headers"]
    assert "content" in one["patch"]["responses"]["200"]
    assert {"412", "428"} <= set(one["patch"]["responses"])
    assert "If-Match" in [parameter["name"] for parameter in one["patch"]["parameters"]]


async def test_the_client_is_told_of_who_was_first_and_changes_the_newest(
    served_api: ServedProcess, member: Member, database: TestDatabase
) -> None:
    _, address = make_dataset(database, member)

    def both() -> None:
        with Client(served_api.url, member.key) as mine, Client(served_api.url, member.key) as theirs:
            read = mine.datasets.get(address)
            theirs.datasets.update(address, description="theirs", revision=read.revision)
            with pytest.raises(Conflict) as refused:
                mine.datasets.update(address, column_notes={"a": "mine"}, revision=read.revision)
            newest = refused.value.problem["newest"]
            assert newest["description"] == "theirs"
            changed = mine.datasets.update(address, column_notes={"a": "mine"}, revision=newest["revision"])
            assert changed == mine.datasets.get(address)
            assert (changed.description, changed.column_notes, changed.revision) == ("theirs", {"a": "mine"}, 3)

    await asyncio.to_thread(both)


@pytest.mark.deep
async def test_the_client_tries_again_where_no_version_was_named(
    served_api: ServedProcess, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)

    def note() -> int:
        with Client(served_api.url, member.key) as client:
            return client.datasets.update(address, column_notes={"a": "mine"}).revision

    with psycopg.connect(database.dsn("owner")) as other:
        changed = "UPDATE datasets SET description = 'theirs', revision = revision + 1 WHERE id = %s"
        other.execute(changed, (dataset_id,))
        noting = asyncio.create_task(asyncio.to_thread(note))
        await somebody_waits(database)
        other.commit()
    assert await noting == 3
    [row] = rows_of(database, "SELECT description, column_notes FROM datasets WHERE id = %s", dataset_id)
    assert row == {"description": "theirs", "column_notes": {"a": "mine"}}
