"""The API on a real socket: replies follow commits, nobody starves, nobody's disconnect leaves anything behind."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from fixtures.app import client_at, eventually, rows_of, served, settings_for
from fixtures.own_database import member
from fixtures.servers import TestDatabase
from make.accounts import Member, make_key, make_member

__all__ = ["member"]

CLIENTS = 64
LOAD_SECONDS = 4.0


async def test_a_commit_that_fails_is_never_answered_as_done(
    fresh_database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    rows_of(
        fresh_database,
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '23514'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON api_keys DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse();
        """,
    )
    with served("lyceum.web", settings_for(fresh_database, tmp_path)) as api:
        async with client_at(api.url, key=member.key) as client:
            answer = await client.post("/api/v1/api-keys", json={"name": "never"})
            assert answer.status_code == 500
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
            assert "not today" not in answer.text
            listed = (await client.get("/api/v1/api-keys")).json()["items"]
    assert [key["id"] for key in listed] == [str(member.key_id)]


@pytest.mark.deep
async def test_clients_that_leave_in_the_middle_of_a_query_leave_nothing_behind(
    fresh_database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    rows_of(
        fresh_database,
        """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON api_keys FOR EACH ROW WHEN (NEW.name = 'slow') EXECUTE FUNCTION slow();
        """,
    )
    others = [make_member(fresh_database) for _ in range(4)]
    with served("lyceum.web", settings_for(fresh_database, tmp_path)) as api:

        async def leave() -> None:
            async with client_at(api.url, key=member.key) as client:
                with pytest.raises(httpx.ReadTimeout):
                    await client.post("/api/v1/api-keys", json={"name": "slow"}, timeout=httpx.Timeout(30, read=0.1))

        async def look(who: Member) -> None:
            async with client_at(api.url, key=who.key) as client:
                for _ in range(10):
                    me = (await client.get("/api/v1/me")).json()
                    keys = (await client.get("/api/v1/api-keys")).json()["items"]
                    assert me["organisation_id"] == str(who.org_id)
                    assert [key["id"] for key in keys] == [str(who.key_id)]

        await asyncio.gather(*(leave() for _ in range(16)), *(look(who) for who in others))
        async with client_at(api.url) as nobody:
            assert (await nobody.get("/api/v1/api-keys")).status_code == 401
    leftovers = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND state LIKE 'idle in transaction%%'"
    await eventually(lambda: not rows_of(fresh_database, leftovers, fresh_database.name, role="admin"))


@pytest.mark.deep
async def test_many_clients_on_a_small_pool_neither_deadlock_nor_starve(
    fresh_database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    """64 clients, a pool of 8, keys of their own; reads and writes that each hold a transaction."""
    keys = [make_key(fresh_database, org_id=member.org_id, user_id=member.user_id)[1] for _ in range(CLIENTS)]
    answered: Counter[int] = Counter()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    with served("lyceum.web", settings_for(fresh_database, tmp_path, log_level="warning")) as api:

        async def ask(number: int, client: httpx.AsyncClient) -> None:
            nonlocal slowest
            # keys nobody has come with before are looked up a few at a time: counted is who is known
            assert (await client.get("/api/v1/me")).status_code == 200
            await all_known.wait()
            until = time.monotonic() + LOAD_SECONDS
            while time.monotonic() < until:
                began = time.monotonic()
                if answered[number] % 4 == 0:
                    answer = await client.post("/api/v1/api-keys", json={"name": "made under load"})
                else:
                    answer = await client.get("/api/v1/api-keys", params={"limit": 10})
                slowest = max(slowest, time.monotonic() - began)
                statuses[answer.status_code] += 1
                answered[number] += 1

        async with AsyncExitStack() as opened:
            # made before any begins: to make one takes long enough to be ahead of those that come after it
            clients = [await opened.enter_async_context(client_at(api.url, key=key)) for key in keys]
            all_known = asyncio.Barrier(CLIENTS)
            await asyncio.gather(*(ask(number, client) for number, client in enumerate(clients)))
    assert set(statuses) == {200, 201}
    assert len(answered) == CLIENTS
    assert min(answered.values()) * 3 >= max(answered.values()), sorted(answered.values())
    assert slowest < 5.0
    made = rows_of(fresh_database, "SELECT count(*) FROM api_keys WHERE name = 'made under load'")
    assert made == [{"count": statuses[201]}]


@pytest.mark.deep
async def test_the_api_stops_at_the_supervisors_wish_and_lets_requests_end(
    fresh_database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    rows_of(
        fresh_database,
        """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION slow();
        """,
    )
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'"
    with served("lyceum.web", settings_for(fresh_database, tmp_path)) as api:
        async with client_at(api.url, key=member.key) as client:
            making = asyncio.create_task(client.post("/api/v1/api-keys", json={"name": "last"}))
            await eventually(lambda: rows_of(fresh_database, sleeping, fresh_database.name, role="admin"))
            await asyncio.to_thread(api.end, 15)
            assert (await making).status_code == 201
        assert api.process is not None
        assert api.process.returncode in {0, -15}
