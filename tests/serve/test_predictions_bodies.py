"""Bodies of predictions: waited for as long as they may take, and for nothing when they are there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive

from fixtures.servers import TestDatabase
from lyceum.serve.predictions import bodies as bodies_module
from lyceum.serve.predictions.bodies import Bodies, ClientGone
from lyceum.serve.predictions.errors import BodyTooLarge, BodyTooSlow
from make.accounts import Member
from make.predictions import make_model, onnx_file

NO_HEADERS: Mapping[bytes, bytes] = {}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def arriving(*messages: Message | None) -> Receive:
    """Messages that each take a turn of the loop to arrive; None never does."""
    left = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(0)
        message = left.pop(0)
        if message is None:
            await asyncio.Event().wait()
            raise AssertionError("waited for ever")
        return message

    return receive


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(bytes_max=100)


@pytest.mark.parametrize("arrived", [(), (part(b"{", more=True),)], ids=["nothing", "a part"])
async def test_a_body_that_does_not_arrive_is_given_up(
    bodies: Bodies, monkeypatch: pytest.MonkeyPatch, arrived: tuple[Message, ...]
) -> None:
    monkeypatch.setattr(bodies_module, "BODY_SECONDS_MAX", 0.01)
    with pytest.raises(BodyTooSlow, match="did not arrive"):
        await bodies.read(NO_HEADERS, arriving(*arrived, None))
    assert bodies.held_bytes == 0


async def test_a_body_that_is_there_costs_no_timer(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> Message:
        return part(b'{"rows": []}')

    monkeypatch.setattr(asyncio, "timeout", None)
    assert await bodies.read(NO_HEADERS, receive) == b'{"rows": []}'


async def test_a_body_that_comes_late_or_in_parts_is_whole(bodies: Bodies) -> None:
    assert await bodies.read(NO_HEADERS, arriving(part(b"late"))) == b"late"
    assert (
        await bodies.read(NO_HEADERS, arriving(part(b"in ", more=True), part(b"", more=True), part(b"parts")))
        == b"in parts"
    )
    assert bodies.held_bytes == len(b"late") + len(b"in parts")


async def test_a_late_body_is_held_to_the_same_bounds(bodies: Bodies) -> None:
    with pytest.raises(BodyTooLarge):
        await bodies.read(NO_HEADERS, arriving(part(b"x" * 101)))
    with pytest.raises(ClientGone):
        await bodies.read(NO_HEADERS, arriving({"type": "http.disconnect"}))
    assert bodies.held_bytes == 0


async def test_who_waits_for_a_body_can_be_cancelled(bodies: Bodies) -> None:
    was_told = asyncio.Event()

    async def receive() -> Message:
        try:
            await asyncio.Event().wait()
        finally:
            was_told.set()
        raise AssertionError("waited for ever")

    reading = asyncio.create_task(bodies.read(NO_HEADERS, receive))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert was_told.is_set()


async def test_a_caller_who_sends_headers_and_no_body_is_told_and_let_go(
    caller: httpx.AsyncClient,
    database: TestDatabase,
    tmp_path: Path,
    member: Member,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies_module, "BODY_SECONDS_MAX", 0.01)
    model = make_model(database, tmp_path, member, onnx_file())

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    reply = await caller.post(model.path(), content=nothing(), headers=member.headers | {"content-length": "100"})
    assert (reply.status_code, reply.json()["code"]) == (408, "body_too_slow")
    assert reply.headers["connection"] == "close"
