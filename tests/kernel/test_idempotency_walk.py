"""Every POST that makes something, sent again with its key: answered as before, and nothing is made twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, rows_of, settings_for
from fixtures.servers import TestDatabase
from lyceum.kernel.config import Settings
from lyceum.wiring import ROUTERS
from make.accounts import Member
from make.creating import Creating, make_place
from make.creating_people import CREATING, WITHOUT_A_KEY

SHOWN_ONCE = {"secret", "client_secret", "url", "codes", "recovery_codes"}
KEPT = "SELECT headers, body FROM idempotency_keys"
TWINS = 6
MADE = {201, 202}


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    """Those of a hub that would send letters."""
    return settings_for(database, tmp_path, valkey_url=valkey_url, mail_url="smtp://127.0.0.1:1")


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as opened:
        yield opened


def rows_by_table(database: TestDatabase) -> dict[str, int]:
    """Return how many rows each table has, but that of the answers that are kept."""
    tables = rows_of(
        database,
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'idempotency_keys'",
    )
    each = (f"SELECT '{table['name']}' AS name, count(*) FROM \"{table['name']}\"" for table in tables)
    return {row["name"]: row["count"] for row in rows_of(database, " UNION ALL ".join(each))}


def secrets_of(answer: httpx.Response) -> dict[str, list[str]]:
    """Return what of an answer is shown this once, a secret, a link, codes; empty lists where it has none this time."""
    told = (answer.json() if answer.content else None) or {}
    found = {name: told[name] for name in SHOWN_ONCE & told.keys()}
    return {name: one if isinstance(one, list) else [one] if one is not None else [] for name, one in found.items()}


def key(text: str) -> dict[str, str]:
    return {"idempotency-key": text}


async def send(mine: httpx.AsyncClient, wanted: Creating, text: str, *, other: bool = False) -> httpx.Response:
    client = wanted.client or mine
    return await client.post(wanted.path, json=wanted.other if other else wanted.body, headers=key(text))


def test_no_route_that_makes_something_is_left_out() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    making = {route.path for route in routes if "POST" in (route.methods or ()) and route.status_code in MADE}
    assert making - WITHOUT_A_KEY == CREATING.keys()


@pytest.mark.parametrize("path", CREATING)
async def test_sent_again_it_is_answered_as_before_for_a_day(
    app: FastAPI, mine: httpx.AsyncClient, member: Member, database: TestDatabase, path: str
) -> None:
    wanted = await CREATING[path](make_place(app, database, mine, member))
    first = await send(mine, wanted, "once")
    assert first.status_code in MADE, first.text
    shown = secrets_of(first)
    made = rows_by_table(database)
    aged = "UPDATE idempotency_keys SET created_at = created_at - %s"
    for age in (timedelta(), timedelta(hours=23, minutes=59)):
        rows_of(database, aged, age)
        again = await send(mine, wanted, "once")
        if shown:
            assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
        else:
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers["idempotency-replayed"] == "true"
    kept = [bytes(row["body"] or b"") + str(row["headers"]).encode() for row in rows_of(database, KEPT)]
    assert any(first.content in one for one in kept) is not bool(shown)
    assert [secret for secret in shown.values() if any(part.encode() in one for one in kept for part in secret)] == []
    refused = await send(mine, wanted, "once", other=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_used_otherwise")
    assert rows_by_table(database) == made


@pytest.mark.deep
@pytest.mark.parametrize("path", CREATING)
async def test_of_twins_at_once_one_is_carried_out(
    app: FastAPI, mine: httpx.AsyncClient, member: Member, database: TestDatabase, path: str
) -> None:
    alone = await CREATING[path](make_place(app, database, mine, member))
    before = rows_by_table(database)
    assert (await send(mine, alone, "alone")).status_code in MADE
    by_one = _more(before, rows_by_table(database))
    twice = await CREATING[path](make_place(app, database, mine, member))
    if twice.path == alone.path:
        twice = replace(twice, body=twice.other)
    before = rows_by_table(database)
    answers = await asyncio.gather(*(send(mine, twice, "twins") for _ in range(TWINS)))
    assert {answer.status_code for answer in answers} <= MADE | {409}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers if answer.status_code in MADE}) == 1
    told = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert told <= {"request_under_way", "answer_not_kept"}
    by_twins = _more(before, rows_by_table(database))
    assert by_twins
    assert all(count <= by_one.get(table, 0) for table, count in by_twins.items()), (by_twins, by_one)


def _more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {table: count - before[table] for table, count in after.items() if count != before[table]}
