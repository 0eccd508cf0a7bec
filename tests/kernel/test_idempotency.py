"""A request that is sent again with its key is carried out once and answered as before."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, rows_of
from fixtures.people import alone, client_as
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import KEEPS_ANSWER, HubRoute, Tx, api_router
from lyceum.accounts.policy import Actor
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.problems import Invalid, Unavailable
from lyceum.kernel.resources import Resources
from lyceum.kernel.sweeping import SweepBriefRows, sweep_brief_rows
from lyceum.wiring import ROUTERS
from make.accounts import Member, make_user
from make.creating_people import WITHOUT_A_KEY

KEY = {"idempotency-key": "a key of the client's own"}


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as opened:
        yield opened


def datasets_of(database: TestDatabase, member: Member) -> list[str]:
    rows = rows_of(database, "SELECT name FROM datasets WHERE org_id = %s ORDER BY name", member.org_id)
    return [row["name"] for row in rows]


def creating_routes() -> list[APIRoute]:
    """The routes of the API that make something, by what they answer."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [
        route
        for route in routes
        if "POST" in (route.methods or ()) and route.status_code in {201, 202} and route.path not in WITHOUT_A_KEY
    ]


def test_every_post_that_makes_something_takes_a_key() -> None:
    routes = creating_routes()
    assert len(routes) >= 29
    for route in routes:
        taken = [p.alias for each in route.dependant.dependencies for p in each.header_params]
        assert "Idempotency-Key" in taken, f"{route.path} wants dependencies=[KEEPS_ANSWER]"


def test_every_route_knows_who_asks_and_counts() -> None:
    """A module that made its router by hand would count nothing."""
    routes = [route for router in ROUTERS for route in router.routes]
    assert len(routes) >= 186
    for route in routes:
        assert isinstance(route, HubRoute), f"the router of {route} wants api_router()"


async def test_the_document_tells_of_the_key(anonymous: httpx.AsyncClient) -> None:
    document = (await anonymous.get("/api/openapi.json")).json()
    for route in creating_routes():
        parameters = document["paths"][route.path]["post"]["parameters"]
        assert [each["in"] for each in parameters if each["name"] == "Idempotency-Key"] == ["header"]


async def test_sent_again_it_is_answered_as_before_and_nothing_is_made_twice(
    mine: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    first = await mine.post("/api/v1/datasets", json={"name": "flights"}, headers=KEY)
    again = await mine.post("/api/v1/datasets", json={"name": "flights"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert datasets_of(database, member) == ["flights"]
    without = await mine.post("/api/v1/datasets", json={"name": "flights"})
    assert without.json()["code"] == "dataset_exists"


@pytest.mark.parametrize(
    "path, body", [("/api/v1/datasets", {"name": "other"}), ("/api/v1/uploads", {"file_name": "a.csv"})]
)
async def test_a_key_that_came_with_another_request_is_refused(
    mine: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    await mine.post("/api/v1/datasets", json={"name": "flights"}, headers=KEY)
    other = await mine.post(path, json=body, headers=KEY)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_used_otherwise"


async def test_a_first_organisation_is_made_once_by_somebody_who_is_in_none(
    app: FastAPI, database: TestDatabase
) -> None:
    user_id, name = make_user(database), f"first-{new_id().hex[-12:]}"
    asked: dict[str, Any] = {"json": {"name": name}, "headers": KEY}
    async with client_as(app, alone(user_id)) as client:
        first = await client.post("/api/v1/organisations", **asked)
        again = await client.post("/api/v1/organisations", **asked)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    org_id = rows_of(database, "SELECT org_id FROM memberships WHERE user_id = %s", user_id)[0]["org_id"]
    # from now on they act in it, and the key is still theirs
    there = Actor(org_id, name, user_id, None, frozenset())
    async with client_as(app, there) as client:
        later = await client.post("/api/v1/organisations", **asked)
        other = await client.post("/api/v1/organisations", json={"name": f"{name}-2"}, headers=KEY)
    assert (later.status_code, later.headers["idempotency-replayed"]) == (201, "true")
    assert other.json()["code"] == "idempotency_key_used_otherwise"
    async with client_as(app, alone(make_user(database))) as client:
        assert (await client.post("/api/v1/organisations", **asked)).json()["code"] == "name_taken"


async def test_each_person_has_keys_of_their_own(
    app: FastAPI, mine: httpx.AsyncClient, stranger: Member, database: TestDatabase
) -> None:
    await mine.post("/api/v1/datasets", json={"name": "flights"}, headers=KEY)
    async with client_of(app, key=stranger.key) as theirs:
        made = await theirs.post("/api/v1/datasets", json={"name": "another"}, headers=KEY)
    assert made.status_code == 201
    assert datasets_of(database, stranger) == ["another"]
    assert rows_of(database, "SELECT * FROM idempotency_keys", role="app") == []


async def test_of_twins_at_once_one_is_carried_out(
    mine: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    answers = await asyncio.gather(
        *(mine.post("/api/v1/datasets", json={"name": "flights"}, headers=KEY) for _ in range(12))
    )
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for twin in (answer for answer in answers if answer.status_code != 201):
        assert (twin.status_code, twin.json()["code"]) == (409, "request_under_way")
        assert twin.headers["retry-after"] == "1"
    assert datasets_of(database, member) == ["flights"]


async def test_what_was_refused_or_failed_may_be_sent_again_with_its_key(
    app: FastAPI, mine: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    outcomes: list[Exception] = [Unavailable("Not now."), Invalid("Not so."), ZeroDivisionError()]
    router = api_router("")

    @router.post("/test/make", status_code=201, dependencies=[KEEPS_ANSWER])
    async def make(tx: Tx) -> dict[str, int]:
        if outcomes:
            raise outcomes.pop(0)
        return {"made": 1}

    app.router.routes[:0] = router.routes
    answers = [await mine.post("/test/make", headers=KEY) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [503, 422, 500, 201, 201]
    kept = rows_of(database, "SELECT status FROM idempotency_keys WHERE user_id = %s", member.user_id)
    assert kept == [{"status": 201}]


async def test_a_secret_that_is_shown_once_is_not_kept(
    mine: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    wanted = {"name": "for a robot", "scopes": ["datasets:read"]}
    made = await mine.post("/api/v1/api-keys", json=wanted, headers=KEY)
    again = await mine.post("/api/v1/api-keys", json=wanted, headers=KEY)
    assert made.json()["secret"].startswith("lyk_")
    assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
    assert rows_of(database, "SELECT body FROM idempotency_keys WHERE user_id = %s", member.user_id) == [{"body": None}]
    keys = rows_of(database, "SELECT 1 FROM api_keys WHERE user_id = %s AND name = 'for a robot'", member.user_id)
    assert len(keys) == 1


async def test_a_key_is_forgotten_after_a_day(
    mine: httpx.AsyncClient, member: Member, database: TestDatabase, resources: Resources
) -> None:
    await mine.post("/api/v1/datasets", json={"name": "flights"}, headers=KEY)
    rows_of(database, "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'")
    anew = await mine.post("/api/v1/datasets", json={"name": "other"}, headers=KEY)
    assert anew.status_code == 201
    rows_of(database, "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'")

    async def unseen(_fraction: float, _note: str) -> None: ...

    run = JobRun(new_id(), 1, new_id(), Scope(), resources, unseen)
    assert (await sweep_brief_rows(run, SweepBriefRows()))["answers"] >= 1
    assert rows_of(database, "SELECT 1 FROM idempotency_keys WHERE user_id = %s", member.user_id) == []


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_cannot_be_one_is_refused(mine: httpx.AsyncClient, key: str) -> None:
    refused = await mine.post("/api/v1/datasets", json={"name": "flights"}, headers={"idempotency-key": key})
    assert refused.status_code == 422
    assert refused.json()["code"] == "malformed"
