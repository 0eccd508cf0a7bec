"""Bodies of predictions: waited for as long as they may take, and for nothing when they are there."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive

from fixtures.predictions import caller_of, running_predictions
from fixtures.servers import TestDatabase
from lyceum.kernel.config import Settings
from lyceum.serve.predictions import bodies as bodies_module
from lyceum.serve.predictions.bodies import Bodies, ClientGone
from lyceum.serve.predictions.errors import BodyTooLarge, BodyTooSlow
from make.accounts import Member
from make.predictions import flight, make_model, onnx_file

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


NO_JSON = "The request is not JSON: "
# ROW stands for a row that the model takes
TRAPS = {
    "NaN": (b'{"rows": [{"wind": NaN}]}', NO_JSON + "JSON is malformed"),
    "infinity": (b'{"rows": [{"wind": Infinity}]}', NO_JSON + "JSON is malformed"),
    "a huge number": (b'{"rows": [{"wind": 1e400}]}', NO_JSON + "Number out of range"),
    "a huge integer": (b'{"rows": [{"wind": ' + b"9" * 5000 + b"}]}", NO_JSON + "Integer value out of range"),
    "nested deeply": (b'{"rows": [ROW], "more": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", "nested too deeply"),
    "nested objects": (b'{"rows": ' * 6_000 + b"1" + b"}" * 6_000, "nested too deeply"),
    "half a character": (b'{"rows": [{"carrier": "\\ud800"}]}', NO_JSON),
    "no UTF-8": (b'{"rows": [{"carrier": "\xff\xfe"}]}', "it holds the byte 0xff"),
    "a mark at the start": (b'\xef\xbb\xbf{"rows": [ROW]}', NO_JSON + "JSON is malformed"),
    "UTF-16": ('{"rows": []}'.encode("utf-16"), NO_JSON + "JSON is malformed"),
    "nothing": (b"", NO_JSON + "Input data was truncated"),
    "a list": (b"[]", "The request has no list of rows"),
    "a list of lists": (b'{"rows": [[1, 2]]}', "Row 0 is not an object"),
    "a comment": (b'{"rows": [ROW] /* */}', NO_JSON + "JSON is malformed"),
    "an object more": (b'{"rows": [ROW]}{"rows": [ROW]}', "trailing characters"),
}


async def test_json_that_is_a_trap_is_refused_with_the_reason(
    hub_settings: Settings, database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    model = make_model(database, tmp_path, member, onnx_file())
    row = json.dumps(flight()).encode()
    wrong = {}
    async with running_predictions(hub_settings) as (_, predictions), caller_of(predictions) as caller:
        for trap, (body, said) in TRAPS.items():
            answer = await caller.post(model.path(), content=body.replace(b"ROW", row), headers=member.headers)
            told = answer.json()
            if (answer.status_code, told["code"]) != (400, "body_unreadable") or said not in told["detail"]:
                wrong[trap] = (answer.status_code, answer.text[:300])
        assert wrong == {}
        taken = await caller.post(model.path(), content=b'{"rows": [ROW]}'.replace(b"ROW", row), headers=member.headers)
    assert taken.status_code == 200, taken.text


async def test_of_what_stands_twice_in_rows_the_last_counts(
    caller: httpx.AsyncClient, database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    """One reader reads them, once: nothing else of the hub could take them otherwise."""
    model = make_model(database, tmp_path, member, onnx_file())
    first, last = (json.dumps(flight(number)).encode() for number in (0, 7))
    wanted = await caller.post(model.path(), content=b'{"rows": [%b]}' % last, headers=member.headers)
    other = await caller.post(model.path(), content=b'{"rows": [%b]}' % first, headers=member.headers)
    assert wanted.json()["predictions"] != other.json()["predictions"]
    for body in (
        b'{"rows": [%b], "rows": [%b]}' % (first, last),
        b'{"rows": [%b], "r\\u006fws": [%b]}' % (first, last),
        b'{"rows": [%b%b]}' % (first[:-1] + b", ", last[1:]),
        b'{"rows": [%b], "__proto__": {"rows": []}}' % last,
    ):
        answer = await caller.post(model.path(), content=body, headers=member.headers)
        assert (answer.status_code, answer.content) == (200, wanted.content)
