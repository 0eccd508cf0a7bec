"""What one connection may cost: clients that are slow, endless, or too many, at the API and at the prediction process."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fixtures.app import ServedProcess, client_at, free_port, settings_for
from fixtures.raw_http import HEAD, RawConnection, connected, status_of
from fixtures.servers import TestDatabase
from fixtures.sockets import live_socket, served_here
from lyceum.kernel.config import Settings
from lyceum.kernel.http.connections import HEAD_BYTES_MAX, HEAD_FIELDS_MAX, PIPELINED_MAX
from make.accounts import Member

SLOW_SECONDS = 0.6
POST = b"POST /api/v1/api-keys HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
# open to everybody: other routes refuse whoever brings no key before the body is there
POST_OF_ANYBODY = b"POST /api/v1/setup HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CONNECTIONS_MAX = 40


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(
        database,
        tmp_path,
        valkey_url=valkey_url,
        slow_client_seconds=SLOW_SECONDS,
        connections_max=CONNECTIONS_MAX,
        predict_port=free_port(),
    )


@pytest.fixture(params=["lyceum.web", "lyceum.predict"])
def module(request: pytest.FixtureRequest) -> str:
    """A process of the hub."""
    return str(request.param)


@pytest.fixture
def url(module: str, serve: Callable[..., ServedProcess], hub_settings: Settings) -> str:
    """Where that process listens."""
    serve(module)
    port = hub_settings.port if module == "lyceum.web" else hub_settings.predict_port
    return f"http://127.0.0.1:{port}"


@pytest.fixture
async def api(hub_settings: Settings) -> AsyncIterator[str]:
    async with served_here(hub_settings, also=[ThinksLong]) as here:
        yield here


async def closed_for(client: httpx.AsyncClient, reason: str) -> float:
    """Return how many connections a process has ended for a reason."""
    counted = re.escape(f'lyceum_http_connections_closed_total{{reason="{reason}"}}')
    found = re.search(rf"^{counted} (\S+)$", (await client.get("/metrics")).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class ThinksLong:
    """Has one path answered only after a while, its body long there; everything else is the hub's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/thinks":
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        await asyncio.sleep(2.5 * SLOW_SECONDS)
        await PlainTextResponse(body)(scope, receive, send)


async def _head_a_byte_at_a_time(connection: RawConnection) -> bytes:
    await connection.send(HEAD)
    return await connection.trickle(b"x", every_seconds=0.05)


async def _headers_without_end(connection: RawConnection) -> bytes:
    await connection.send(HEAD)
    return await connection.trickle(b"x-more: 1\r\n" * 20, every_seconds=0)


async def _header_without_end(connection: RawConnection) -> bytes:
    await connection.send(HEAD, b"x-more: ")
    return await connection.trickle(b"x" * 4096, every_seconds=0)


async def _target_without_end(connection: RawConnection) -> bytes:
    await connection.send(b"GET /")
    return await connection.trickle(b"x" * 4096, every_seconds=0)


async def _body_a_byte_at_a_time(connection: RawConnection) -> bytes:
    await connection.send(POST_OF_ANYBODY, b"Content-Length: 5000\r\n\r\n")
    return await connection.trickle(b"x", every_seconds=0.05)


async def _chunks_that_say_much_and_hold_little(connection: RawConnection) -> bytes:
    await connection.send(POST_OF_ANYBODY, b"Transfer-Encoding: chunked\r\n\r\n")
    return await connection.trickle(b"1;" + b"x" * 200 + b"\r\nx\r\n", every_seconds=0.05)


async def _silence(connection: RawConnection) -> bytes:
    return await connection.rest()


async def _empty_lines(connection: RawConnection) -> bytes:
    return await connection.trickle(b"\r\n", every_seconds=0.05)


async def _empty_lines_behind_an_answer(connection: RawConnection) -> bytes:
    await connection.send(HEAD, b"\r\n")
    assert status_of(await connection.answer()) == 200
    return await connection.trickle(b"\r\n", every_seconds=0.05)


async def test_no_client_holds_a_connection_by_being_slow_or_endless(module: str, url: str) -> None:
    """All of them at once, while everybody else is served."""
    # predictions answer before the body is there; closed since it goes on
    slow_body = 408 if module == "lyceum.web" else 404
    expected = {
        _head_a_byte_at_a_time: 408,
        _headers_without_end: 431,
        _header_without_end: 431,
        _target_without_end: 431,
        _body_a_byte_at_a_time: slow_body,
        _chunks_that_say_much_and_hold_little: slow_body,
        _silence: 0,
        _empty_lines: 408,
        _empty_lines_behind_an_answer: 408,
    }

    async def attempt(way: Callable[[RawConnection], Awaitable[bytes]]) -> int:
        async with connected(url) as connection:
            return status_of(await way(connection))

    attempts = asyncio.gather(*(attempt(way) for way in expected))
    async with client_at(url) as client:
        while not attempts.done():
            assert (await client.get("/health/live")).status_code == 200
            await asyncio.sleep(0.05)
        statuses = dict(zip(expected, await attempts, strict=True))
        assert {way.__name__: status for way, status in statuses.items()} == {
            way.__name__: status for way, status in expected.items()
        }
        reasons = ("slow_head", "head_too_large", "silent", "slow_body")
        closed = [await closed_for(client, reason) for reason in reasons]
    assert closed == [3, 3, 1, 2]


async def test_a_refusal_is_a_problem_document_with_the_headers_of_every_answer(api: str) -> None:
    async with connected(api) as connection:
        await connection.send(HEAD)
        head, _, body = (await connection.trickle(b"x-more: " + b"x" * 9000 + b"\r\n", every_seconds=0)).partition(
            b"\r\n\r\n"
        )
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"connection: close" in head
    assert b'"code":"head_too_large"' in body


async def test_a_head_at_the_limit_passes_and_one_past_it_does_not(api: str) -> None:
    taken = len(b"/health/live") + len(b"hostx-more127.0.0.1")
    for more, expected in ((HEAD_BYTES_MAX - taken, 200), (HEAD_BYTES_MAX - taken + 1, 431)):
        async with connected(api) as connection:
            await connection.send(HEAD, b"x-more: ", b"x" * more, b"\r\n\r\n")
            assert status_of(await connection.answer()) == expected
    for more, expected in ((HEAD_FIELDS_MAX - 1, 200), (HEAD_FIELDS_MAX, 431)):
        async with connected(api) as connection:
            await connection.send(HEAD, b"x-more: 1\r\n" * more, b"\r\n")
            assert status_of(await connection.answer()) == expected


async def test_a_body_that_comes_slowly_but_fast_enough_is_taken(api: str, member: Member) -> None:
    """At twice the least rate, over more than twice the patience."""
    body = b'{"name": "' + b"x" * 40 + b'"}' + b" " * 1450
    key = f"Authorization: Bearer {member.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    began = time.monotonic()
    async with connected(api) as connection:
        await connection.send(POST, key)
        for start in range(0, len(body), 100):
            await connection.send(body[start : start + 100])
            await asyncio.sleep(0.1)
        answer = await connection.answer()
    assert time.monotonic() - began > 2 * SLOW_SECONDS
    assert status_of(answer) == 201


@pytest.mark.parametrize(
    "how, part",
    [(b"Content-Length: 5000", b"x"), (b"Transfer-Encoding: chunked", b"1;" + b"x" * 200 + b"\r\nx\r\n")],
    ids=["trickled", "more said than sent"],
)
async def test_a_body_that_does_not_come_is_waited_for_no_longer(
    api: str, member: Member, how: bytes, part: bytes
) -> None:
    async with connected(api) as connection, client_at(api) as client:
        before = await closed_for(client, "slow_body")
        await connection.send(POST, b"Authorization: Bearer ", member.key.encode(), b"\r\n", how, b"\r\n\r\n")
        assert status_of(await connection.trickle(part, every_seconds=0.05)) == 408
        assert await closed_for(client, "slow_body") == before + 1


async def test_neither_a_socket_nor_a_connection_that_rests_is_slow(api: str, member: Member) -> None:
    async with live_socket(api, key=member.key) as socket, connected(api) as connection:
        await connection.send(HEAD, b"\r\n")
        assert status_of(await connection.answer()) == 200
        await asyncio.sleep(2.5 * SLOW_SECONDS)
        assert (await socket.follow("jobs"))["type"] == "following"
        await connection.send(HEAD, b"\r\n")
        assert status_of(await connection.answer()) == 200


async def test_a_request_may_take_the_hub_longer_than_a_client_may_be_slow(api: str) -> None:
    wanted = b"POST /thinks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nlong?"
    async with connected(api) as connection:
        for _ in range(2):
            began = time.monotonic()
            await connection.send(wanted)
            answer = await connection.answer()
            assert (status_of(answer), answer.endswith(b"\r\n\r\nlong?")) == (200, True)
            assert time.monotonic() - began > 2 * SLOW_SECONDS


async def test_a_client_that_waits_to_be_told_to_go_on_is_told(api: str, member: Member) -> None:
    body = b'{"name": "x"}'
    key = f"Authorization: Bearer {member.key}\r\nContent-Length: {len(body)}\r\n".encode()
    async with connected(api) as connection:
        await connection.send(POST, key, b"Expect: 100-continue\r\n\r\n")
        assert status_of(await connection.answer()) == 100
        await connection.send(body)
        assert status_of(await connection.answer()) == 201


@pytest.mark.deep
async def test_an_answer_nobody_reads_is_not_kept(api: str) -> None:
    pipelined = b"GET /api/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with connected(api, limit=1024) as connection, client_at(api) as client:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket's transport
        before = await closed_for(client, "unread")
        # until neither side's buffers take more; more than are read ahead would be refused before
        for _ in range(PIPELINED_MAX):
            connection.writer.write(pipelined)
            await asyncio.sleep(0.02)
        deadline = time.monotonic() + 30
        while await closed_for(client, "unread") == before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def test_connections_past_the_cap_are_told_to_come_again(url: str) -> None:
    async with AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(connected(url)) for _ in range(CONNECTIONS_MAX)]
        for connection in kept:
            await connection.send(HEAD, b"\r\n")
        assert {status_of(await connection.answer()) for connection in kept} == {200}
        more = [await stack.enter_async_context(connected(url)) for _ in range(10)]
        refused = await asyncio.gather(*(connection.rest() for connection in more))
        # whoever was there before stays
        for connection in kept:
            await connection.send(HEAD, b"\r\n")
        assert {status_of(await connection.answer()) for connection in kept} == {200}
    for one in refused:
        assert status_of(one) == 503
        assert b"retry-after: 2" in one
        assert b'"code":"too_many_connections"' in one
    async with asyncio.timeout(30):
        # once the hub has heard that the others are gone
        while not await _is_taken(url):  # noqa: ASYNC110 a connection each time
            await asyncio.sleep(0.05)


async def _is_taken(url: str) -> bool:
    try:
        async with connected(url) as connection:
            await connection.send(HEAD, b"\r\n")
            return status_of(await connection.answer()) == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def test_requests_are_not_read_ahead_without_end(api: str) -> None:
    at_once = PIPELINED_MAX + 1
    async with connected(api) as connection:
        await connection.send((HEAD + b"\r\n") * at_once)
        assert [status_of(await connection.answer()) for _ in range(at_once)] == [200] * at_once
    async with client_at(api) as client:
        for too_many in (at_once + 1, 2_000):
            before = await closed_for(client, "unreadable")
            async with connected(api) as connection:
                await connection.send((HEAD + b"\r\n") * too_many)
                # which of them an answer would be to, nobody could tell
                assert await connection.rest() == b""
            assert await closed_for(client, "unreadable") == before + 1


async def test_a_few_requests_read_ahead_are_answered_in_order(api: str) -> None:
    async with connected(api) as connection:
        for number in range(PIPELINED_MAX // 2):
            await connection.send(HEAD + f"X-Request-Id: number-{number:04}\r\n\r\n".encode())
        answers = [await connection.answer() for _ in range(PIPELINED_MAX // 2)]
    assert [f"number-{number:04}".encode() in answer for number, answer in enumerate(answers)] == [True] * len(answers)
