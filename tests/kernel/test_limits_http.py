"""Who may ask how often, over HTTP: people by their id, everybody else by address."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import ServedProcess, client_at, client_of, rows_of, running_app, settings_for
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from lyceum.kernel.config import Settings
from lyceum.kernel.limits.fields import Limit
from lyceum.kernel.limits.leases import share_of
from make.accounts import Member, make_key

pytestmark = pytest.mark.usefixtures("patient_with_valkey")


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(
        database,
        tmp_path,
        valkey_url=valkey_url,
        anonymous_requests_per_minute=4,
        user_reads_per_minute=5,
        user_writes_per_minute=2,
        user_pushes_per_minute=60,
        sign_in_attempts_per_minute=3,
    )


@pytest.fixture
async def reader(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as opened:
        yield opened


async def test_an_answer_says_how_much_is_left_and_a_refusal_when_to_come_again(reader: httpx.AsyncClient) -> None:
    answers = [await reader.get("/api/v1/me") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    refused = answers[-1]
    wait = refused.headers["retry-after"]
    assert 54 < int(wait) <= 66
    assert refused.headers["ratelimit-policy"] == '"reads";q=5;w=60'
    assert refused.headers["ratelimit"] == f'"reads";r=0;t={wait}'
    assert refused.headers["ratelimit-limit"] == "5"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "over_limit"
    assert "LYCEUM_USER_READS_PER_MINUTE" in refused.json()["detail"]


async def test_reads_and_changes_are_counted_apart_and_a_persons_keys_together(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase, reader: httpx.AsyncClient
) -> None:
    _, second_key = make_key(database, org_id=member.org_id, user_id=member.user_id)
    made = [await reader.post("/api/v1/datasets", json={"name": f"d{number}"}) for number in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    async with client_of(app, key=second_key) as other_key, client_of(app, key=stranger.key) as other:
        assert (await other_key.post("/api/v1/datasets", json={"name": "d2"})).status_code == 429
        assert (await other_key.get("/api/v1/datasets")).status_code == 200
        assert (await other.post("/api/v1/datasets", json={"name": "d2"})).status_code == 201


async def test_whoever_is_refused_costs_the_database_nothing(app: FastAPI, reader: httpx.AsyncClient) -> None:
    for _ in range(5):
        await reader.get("/api/v1/datasets")
    with counted_queries(app) as queries:
        assert (await reader.get("/api/v1/datasets")).status_code == 429
    assert [statement for statement in queries.statements if "key_lookup" not in statement] == []


async def test_without_a_key_an_address_is_counted_and_health_and_static_files_are_not(
    anonymous: httpx.AsyncClient,
) -> None:
    for _ in range(5):
        assert (await anonymous.get("/health/live")).status_code == 200
        assert (await anonymous.get("/static/icon.svg")).status_code == 200
    statuses = [(await anonymous.get("/api/v1/me")).status_code for _ in range(5)]
    assert statuses == [401] * 4 + [429]


async def test_a_limit_of_nothing_is_none(database: TestDatabase, valkey_url: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path, valkey_url=valkey_url, anonymous_requests_per_minute=0)
    async with running_app(settings) as app, client_of(app) as client:
        answer = await client.get("/api/v1/me")
    assert answer.status_code == 401
    assert "ratelimit" not in answer.headers


async def test_without_valkey_reads_are_open_and_set_up_links_are_counted_in_postgresql(
    fresh_database: TestDatabase, tmp_path: Path
) -> None:
    settings = settings_for(
        fresh_database, tmp_path, valkey_url=None, anonymous_requests_per_minute=2, sign_in_attempts_per_minute=3
    )
    wanted = {"token": "guess", "email": "a@example.org", "display_name": "A", "password": "a long password"}
    async with running_app(settings) as app, client_of(app) as client:
        assert {(await client.get("/api/v1/me")).status_code for _ in range(5)} == {401}
        tried = [await client.post("/api/v1/setup", json=wanted) for _ in range(3)]
        by_form = await client.post("/setup", data=wanted)
    assert [answer.status_code for answer in tried] == [410, 410, 410]
    assert by_form.status_code == 429
    assert int(by_form.headers["retry-after"]) <= 66
    assert rows_of(fresh_database, "SELECT sum(taken) AS taken FROM limit_counts") == [{"taken": 3}]


@pytest.mark.deep
@pytest.mark.parametrize("proxies, counted_apart", [(("127.0.0.1",), True), ((), False)])
async def test_an_address_that_only_a_trusted_proxy_may_name(
    serve: Callable[..., ServedProcess],
    database: TestDatabase,
    valkey_url: str,
    tmp_path: Path,
    proxies: tuple[str, ...],
    *,
    counted_apart: bool,
) -> None:
    settings = settings_for(
        database, tmp_path, valkey_url=valkey_url, anonymous_requests_per_minute=1, trusted_proxies=proxies
    )
    hub = serve("lyceum.web", settings)
    async with client_at(hub.url) as client:
        first, again, other = [
            (await client.get("/api/v1/me", headers={"x-forwarded-for": address})).status_code
            for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")
        ]
    assert (first, again) == (401, 429)
    assert other == (401 if counted_apart else 429)


async def test_processes_count_together(hub_settings: Settings, member: Member) -> None:
    async with (
        running_app(hub_settings) as one,
        running_app(hub_settings) as other,
        client_of(one, key=member.key) as first,
        client_of(other, key=member.key) as second,
    ):
        answers = await asyncio.gather(*(client.get("/api/v1/me") for client in (first, second) * 5))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 5


async def test_data_that_is_sent_has_a_limit_of_its_own_over_all_processes_but_for_a_share_of_each(
    hub_settings: Settings, member: Member, database: TestDatabase
) -> None:
    limit = Limit("pushes", hub_settings.user_pushes_per_minute, 60)
    _, second_key = make_key(database, org_id=member.org_id, user_id=member.user_id)
    async with (
        running_app(hub_settings) as one,
        running_app(hub_settings) as other,
        client_of(one, key=member.key) as first,
        client_of(other, key=second_key) as second,
    ):

        async def push(client: httpx.AsyncClient) -> httpx.Response:
            return await client.post("/api/v1/uploads", json={"file_name": "t.csv"})

        answers = [await asyncio.gather(push(first), push(second)) for _ in range(limit.at_most // 2 + 10)]
        # whoever has sent all the data they may still changes things
        assert (await first.post("/api/v1/datasets", json={"name": "still"})).status_code == 201
    told = [answer for both in answers for answer in both]
    granted = [answer.status_code for answer in told].count(201)
    assert limit.at_most - 2 * share_of(limit) <= granted <= limit.at_most
    refused = next(answer for answer in told if answer.status_code == 429)
    assert refused.headers["ratelimit-policy"] == '"pushes";q=60;w=60'
    assert "LYCEUM_USER_PUSHES_PER_MINUTE" in refused.json()["detail"]
