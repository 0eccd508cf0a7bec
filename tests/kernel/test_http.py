"""What every request passes: its id, its host, its size; and how refusals and crashes are answered."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from fixtures.app import client_of, eventually, running_app, settings_for
from fixtures.loop_watch import LoopWatch
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import Tx, api_router
from lyceum.kernel import problems
from lyceum.kernel.config import Settings
from lyceum.kernel.http.paging import CursorInvalid, decode_cursor, encode_cursor, next_cursor
from lyceum.kernel.ids import new_id
from lyceum.kernel.telemetry import registry
from make.accounts import Member, make_setup_link

LIMIT = 2048


class Sized(BaseModel):
    text: str
    count: int = 1


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, request_bytes_max=LIMIT)


@pytest.fixture
def extra(app: FastAPI) -> FastAPI:
    """The app with routes that fail in every way."""
    router = api_router("")

    @router.get("/test/problem/{name}")
    async def fail(name: str) -> None:
        raise getattr(problems, name)("This is what went wrong.", hint=3)

    @router.get("/test/crash")
    async def crash() -> None:
        raise ZeroDivisionError("a secret of the program")

    @router.post("/test/sized")
    async def take(sized: Sized) -> int:
        return len(sized.text)

    @router.get("/test/nul")
    async def nul(tx: Tx) -> None:
        from sqlalchemy import text

        await tx.execute(text("SELECT CAST(:value AS text)"), {"value": "a\0b"})

    # before the web app, whose page is the answer to whatever is nobody's
    app.router.routes[:0] = router.routes
    return app


@pytest.fixture
async def asks(extra: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(extra) as client:
        yield client


@pytest.mark.parametrize(
    "name, status",
    [
        ("Problem", 500),
        ("Invalid", 422),
        ("Unauthenticated", 401),
        ("Forbidden", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("Gone", 410),
        ("TooLarge", 413),
        ("TooMany", 429),
        ("Unavailable", 503),
        ("NoSpace", 507),
    ],
)
async def test_every_refusal_is_a_problem_document(asks: httpx.AsyncClient, name: str, status: int) -> None:
    answer = await asks.get(f"/test/problem/{name}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["detail"] == "This is what went wrong."
    assert body["type"] == f"urn:lyceum:problem:{body['code']}"
    assert body["title"]
    assert body["hint"] == 3
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_malformed_request_is_told_which_field_and_why(asks: httpx.AsyncClient) -> None:
    answer = await asks.post("/test/sized", json={"count": "many"})
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "malformed"
    assert body["detail"] == "body.text: Field required."
    assert [error["field"] for error in body["errors"]] == ["body.text", "body.count"]
    assert "many" not in str(body["errors"])


async def test_a_body_that_is_not_json_is_told_so(asks: httpx.AsyncClient) -> None:
    answer = await asks.post("/test/sized", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "malformed"


async def test_what_is_not_there_and_what_it_does_not_do_are_named(asks: httpx.AsyncClient) -> None:
    missing = await asks.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert missing.json()["detail"] == "There is nothing at /api/v1/nothing."
    wrong = await asks.put("/api/v1/me")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"


async def test_a_nul_in_a_text_is_the_senders_to_remove(asks: httpx.AsyncClient) -> None:
    answer = await asks.get("/test/nul")
    assert answer.status_code == 422
    assert "NUL" in answer.json()["detail"]


async def test_a_crash_names_the_request_and_nothing_else(asks: httpx.AsyncClient) -> None:
    answer = await asks.get("/test/crash")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text


async def test_a_database_that_is_away_is_told_and_ready_says_so(
    tmp_path: Path, database: TestDatabase, member: Member
) -> None:
    nowhere = TestDatabase("x", f"postgresql://x:x@/x?host={tmp_path}", "", "")
    async with running_app(settings_for(nowhere, tmp_path)) as app, client_of(app, key=member.key) as client:
        for path in ("/api/v1/me", "/health/ready"):
            answer = await client.get(path)
            assert answer.status_code == 503, path
            assert answer.json()["code"] == "unavailable"
        assert (await client.get("/health/live")).json() == {"status": "live"}
        assert (await client.get("/metrics")).status_code == 200


async def test_a_request_keeps_its_id_or_gets_one(anonymous: httpx.AsyncClient) -> None:
    kept = await anonymous.get("/health/live", headers={"x-request-id": "trace-0123456789"})
    assert kept.headers["x-request-id"] == "trace-0123456789"
    for odd in ("short", "x" * 65, 'a"b{injected}"c', "tab\there"):
        made = await anonymous.get("/health/live", headers={"x-request-id": odd})
        assert len(made.headers["x-request-id"]) == 32
        assert made.headers["x-request-id"] != odd


async def test_a_body_past_the_limit_is_refused_by_its_stated_length(asks: httpx.AsyncClient) -> None:
    answer = await asks.post("/test/sized", json={"text": "x" * LIMIT})
    assert answer.status_code == 413
    assert "LYCEUM_REQUEST_BYTES_MAX" in answer.json()["detail"]


async def test_a_body_past_the_limit_is_refused_when_it_states_no_length(asks: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"text": "'
        for _ in range(100):
            sent += 1
            yield b"x" * 512

    answer = await asks.post("/test/sized", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_at_the_limit_passes(asks: httpx.AsyncClient) -> None:
    content = b'{"text": "' + b"x" * (LIMIT - 12) + b'"}'
    assert len(content) == LIMIT

    async def parts() -> AsyncIterator[bytes]:
        yield content[:100]
        yield content[100:]

    json = {"content-type": "application/json"}
    assert (await asks.post("/test/sized", content=content, headers=json)).json() == LIMIT - 12
    assert (await asks.post("/test/sized", content=parts(), headers=json)).json() == LIMIT - 12


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
async def test_a_hub_on_this_machine_answers_to_its_names(anonymous: httpx.AsyncClient, host: str) -> None:
    assert (await anonymous.get("/health/live", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[", "localhost@evil.example"]
)
async def test_another_host_is_refused_with_the_setting_to_change(anonymous: httpx.AsyncClient, host: str) -> None:
    answer = await anonymous.get("/health/live", headers={"host": host})
    assert answer.status_code == 421
    assert answer.json()["code"] == "wrong_host"
    assert "LYCEUM_ALLOWED_HOSTS=" in answer.json()["detail"]


async def test_an_open_hub_answers_to_addresses_and_to_names_it_was_given(
    database: TestDatabase, tmp_path: Path
) -> None:
    settings = settings_for(database, tmp_path, host="0.0.0.0", allowed_hosts="hub.lan, Other.Lan")
    async with running_app(settings) as app, client_of(app) as client:
        statuses = {
            host: (await client.get("/health/live", headers={"host": host})).status_code
            for host in ("192.168.1.7:8000", "hub.lan", "other.lan", "else.lan")
        }
    assert statuses == {"192.168.1.7:8000": 200, "hub.lan": 200, "other.lan": 200, "else.lan": 421}


@pytest.mark.parametrize("path", ["/lyceum/health/live", "/health/live"])
async def test_a_public_address_with_a_sub_path_works_whether_the_proxy_strips_it(
    database: TestDatabase, tmp_path: Path, path: str
) -> None:
    settings = settings_for(database, tmp_path, public_url="https://Hub.example.org/lyceum/", request_bytes_max=LIMIT)
    async with running_app(settings) as app, client_of(app) as client:
        answer = await client.get(path, headers={"host": "hub.example.org"})
        assert answer.json() == {"status": "live"}
        for root in ("/lyceum", "/lyceum/"):
            assert (await client.get(root, headers={"host": "hub.example.org"})).status_code == 200
        # the routes that take large bodies keep doing so below the sub-path
        sent = await client.put(f"/lyceum/api/v1/uploads/{new_id()}/content", content=b"x" * LIMIT * 2)
        assert sent.status_code == 422


async def test_metrics_have_a_bounded_number_of_series(extra: FastAPI, asks: httpx.AsyncClient, member: Member) -> None:
    async def series() -> int:
        await asks.get("/metrics")
        return sum(len(metric.samples) for metric in registry.collect())

    async def ask(number: int) -> None:
        await asks.get(f"/no/such/{number}")
        await asks.get(f"/api/v1/jobs/{new_id()}", headers=member.headers)
        await asks.request(f"VERB{number}", "/api/v1/me")
        await asks.get("/health/live", headers={"host": f"host{number}.example"})

    await ask(0)
    before = await series()
    for number in range(1, 6):
        await ask(number)
    assert await series() == before
    text = (await asks.get("/metrics")).text
    assert 'lyceum_http_requests_total{method="GET",route="/api/v1/jobs/{job_id}",status="404"}' in text
    assert 'method="OTHER"' in text


async def test_the_queue_is_counted_without_organisations(
    asks: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    from fixtures.app import rows_of

    job_id = new_id()
    insert = "INSERT INTO jobs (id, org_id, kind, class, lane, args) VALUES (%s, %s, 'x', 'background', 'heavy', '{}')"
    rows_of(database, insert, job_id, member.org_id)
    text = (await asks.get("/metrics")).text
    assert 'lyceum_jobs{class="background",kind="x",label="",lane="heavy",state="ready"} ' in text
    rows_of(database, "DELETE FROM jobs WHERE id = %s", job_id)
    assert str(member.org_id) not in text


async def test_as_many_requests_are_in_transactions_at_once_as_the_setting_says(
    database: TestDatabase, tmp_path: Path
) -> None:
    at_work, done = [], asyncio.Event()
    router = api_router("")

    @router.get("/test/hold")
    async def hold(tx: Tx) -> None:
        at_work.append(tx)
        await done.wait()

    async with running_app(settings_for(database, tmp_path, database_pool_size=2)) as app, client_of(app) as client:
        app.router.routes[:0] = router.routes
        asking = [asyncio.create_task(client.get("/test/hold")) for _ in range(5)]
        await eventually(lambda: len(at_work) == 2)
        await eventually(lambda: len(app.state.transaction_turns._waiters) == 3)
        assert len(at_work) == 2
        done.set()
        assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}


async def test_nothing_holds_the_loop_over_the_ordinary_routes(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, loop_watch: LoopWatch
) -> None:
    async def ask_everything(turn: int) -> None:
        wanted = {
            "token": make_setup_link(database),
            "email": f"first{turn}@example.org",
            "display_name": "First",
            "password": "correct horse battery",
        }
        assert (await client.post("/api/v1/setup", json=wanted)).status_code == 201
        for path in ("/api/v1/me", "/api/v1/api-keys", "/health/live", "/health/ready", "/metrics", "/nothing"):
            await client.get(path)
        made = (await client.post("/api/v1/api-keys", json={"name": "x"})).json()
        await client.delete(f"/api/v1/api-keys/{made['id']}")
        await client.get(f"/api/v1/jobs/{new_id()}")
        await client.post(f"/api/v1/jobs/{new_id()}/cancel")
        begun = (await client.post("/api/v1/uploads", json={"file_name": "t.csv"})).json()
        await client.put(begun["put_url"], content=b"a,b\n" * 500_000)

    await ask_everything(0)  # what is loaded at its first use is loaded now
    loop_watch.holds.clear()
    for turn in range(1, 4):
        await ask_everything(turn)


def compute() -> None:
    ends = time.thread_time() + 0.2
    while time.thread_time() < ends:
        pass


def wait() -> None:
    threading.Event().wait(0.8)


@pytest.mark.parametrize("hold", [compute, wait])
async def test_the_watch_sees_what_holds_the_loop(loop_watch: LoopWatch, hold: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(hold)
    await asyncio.sleep(0)
    assert len(loop_watch.holds) == 1
    assert hold.__name__ in loop_watch.holds[0]
    loop_watch.holds.clear()


def test_a_cursor_stands_for_the_last_id_seen() -> None:
    last = new_id()
    assert decode_cursor(encode_cursor(last)) == last
    assert decode_cursor(None) is None
    assert next_cursor([new_id(), last], 2) == encode_cursor(last)
    assert next_cursor([last], 2) is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "äöü", "AAAA", encode_cursor(new_id())[:-2], "=" * 20],
    ids=["empty", "a letter", "umlauts", "letters", "cut short", "padding"],
)
def test_a_cursor_nobody_gave_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid, match="start again without it"):
        decode_cursor(cursor)
