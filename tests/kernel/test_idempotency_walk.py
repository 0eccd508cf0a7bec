"""Every POST that makes something, sent again with its key: answered as before, and nothing is made twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, rows_of
from fixtures.servers import TestDatabase
from lyceum.wiring import ROUTERS
from make.accounts import Member
from make.creating import CREATING, Creating, make_place

WITHOUT_A_KEY = {
    "/api/v1/setup",
    "/api/v1/registrations",
    "/api/v1/email-confirmations/letters",
    "/api/v1/password-resets",
    "/api/v1/sessions",
    "/api/v1/sessions/second-factor",
    "/api/v1/sessions/passkey",
}
"""What nobody in particular sends, so that there is no one to keep an answer for."""
TWINS = 6
MADE = {201, 202}


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as opened:
        yield opened


def rows_by_table(database: TestDatabase, member: Member) -> dict[str, int]:
    """Return how many rows of the organisation each table has, those of requests that were kept aside."""
    tables = rows_of(
        database,
        "SELECT table_name AS name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'org_id' AND table_name <> 'idempotency_keys'",
    )
    each = (
        f"SELECT '{table['name']}' AS name, count(*) FROM \"{table['name']}\" WHERE org_id = %s" for table in tables
    )
    counted = rows_of(database, " UNION ALL ".join(each), *[member.org_id] * len(tables))
    return {row["name"]: row["count"] for row in counted}


def key(text: str) -> dict[str, str]:
    return {"idempotency-key": text}


async def send(mine: httpx.AsyncClient, wanted: Creating, text: str, *, other: bool = False) -> httpx.Response:
    return await mine.post(wanted.path, json=wanted.other if other else wanted.body, headers=key(text))


def test_no_route_that_makes_something_is_left_out() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    making = {route.path for route in routes if "POST" in (route.methods or ()) and route.status_code in MADE}
    assert making - WITHOUT_A_KEY == CREATING.keys()


@pytest.mark.parametrize("path", CREATING)
async def test_sent_again_it_is_answered_as_before_for_a_day(
    mine: httpx.AsyncClient, member: Member, database: TestDatabase, path: str
) -> None:
    wanted = await CREATING[path](make_place(database, mine, member))
    first = await send(mine, wanted, "once")
    assert first.status_code in MADE, first.text
    made = rows_by_table(database, member)
    aged = "UPDATE idempotency_keys SET created_at = created_at - %s WHERE user_id = %s"
    for age in (timedelta(), timedelta(hours=23, minutes=59)):
        rows_of(database, aged, age, member.user_id)
        again = await send(mine, wanted, "once")
        if again.status_code == 409:
            # the answer held a secret or a link that is shown once
            assert again.json()["code"] == "answer_not_kept"
            assert first.json().keys() & {"secret", "url"}
        else:
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers["idempotency-replayed"] == "true"
    refused = await send(mine, wanted, "once", other=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_used_otherwise")
    assert rows_by_table(database, member) == made


@pytest.mark.parametrize("path", CREATING)
async def test_of_twins_at_once_one_is_carried_out(
    mine: httpx.AsyncClient, member: Member, database: TestDatabase, path: str
) -> None:
    alone = await CREATING[path](make_place(database, mine, member))
    before = rows_by_table(database, member)
    assert (await send(mine, alone, "alone")).status_code in MADE
    by_one = _more(before, rows_by_table(database, member))
    twice = await CREATING[path](make_place(database, mine, member))
    if twice.path == alone.path:
        twice = Creating(alone.path, alone.other, alone.body)
    before = rows_by_table(database, member)
    answers = await asyncio.gather(*(send(mine, twice, "twins") for _ in range(TWINS)))
    assert {answer.status_code for answer in answers} <= MADE | {409}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers if answer.status_code in MADE}) == 1
    told = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert told <= {"request_under_way", "answer_not_kept"}
    by_twins = _more(before, rows_by_table(database, member))
    assert by_twins
    assert all(count <= by_one.get(table, 0) for table, count in by_twins.items()), (by_twins, by_one)


def _more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {table: count - before[table] for table, count in after.items() if count != before[table]}
