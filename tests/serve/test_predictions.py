"""Predictions over HTTP: the same answers as in process, for whoever may have them, and one sentence when not."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from fixtures.app import running_app
from fixtures.loop_watch import LoopWatch
from fixtures.predictions import ask, caller_of, running_predictions
from fixtures.servers import TestDatabase
from fixtures.sign_in import program_of, signed_in_client
from lyceum.kernel.config import Settings
from lyceum.kernel.http.problems import answer_problems
from lyceum.serve.predictions.public import PredictApp, add_predict_route
from lyceum.serve.runtime.public import OnnxModel
from make.accounts import Member, make_key, make_member
from make.predictions import MadeModel, flight, make_model, onnx_file, point_alias

KNOWN_SECONDS = 1.0


@pytest.fixture
def model(database: TestDatabase, tmp_path: Path, member: Member) -> MadeModel:
    return make_model(database, tmp_path, member, onnx_file())


def expected(rows: list[dict[str, object]], *, seed: int = 0) -> object:
    """What the model answers in process, as JSON."""
    return msgspec.json.decode(msgspec.json.encode(OnnxModel.load(onnx_file(seed=seed)).predict_rows(rows)))


@pytest.mark.parametrize("count", [0, 1, 8, 40, 400, 5000])
async def test_answers_are_those_of_the_model_in_process(
    caller: httpx.AsyncClient, member: Member, model: MadeModel, count: int
) -> None:
    rows = [flight(number) for number in range(count)]
    reply = await caller.post(model.path(), json={"rows": rows}, headers=member.headers)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"model": model.address, "version": 1, "predictions": expected(rows)}


async def test_a_request_keeps_the_id_it_came_with(caller: httpx.AsyncClient, member: Member, model: MadeModel) -> None:
    reply = await caller.post(model.path(), json={"rows": []}, headers=member.headers | {"x-request-id": "my-id-123"})
    assert reply.headers["x-request-id"] == "my-id-123"
    refused = await caller.post(model.path(), json={"rows": []}, headers={"x-request-id": "bad id"})
    assert len(refused.headers["x-request-id"]) == 32


async def test_callers_at_once_each_get_their_own_answer(
    caller: httpx.AsyncClient, member: Member, model: MadeModel
) -> None:
    async def reply_to(number: int) -> object:
        reply = await caller.post(model.path(), json={"rows": [flight(number)]}, headers=member.headers)
        return reply.json()["predictions"]

    answers = await asyncio.gather(*(reply_to(number) for number in range(100)))
    assert answers == [expected([flight(number)]) for number in range(100)]


async def test_a_bad_row_fails_its_own_request_and_no_neighbours(
    caller: httpx.AsyncClient, member: Member, model: MadeModel
) -> None:
    async def reply_to(number: int) -> httpx.Response:
        row = flight(number) | ({"day": "yesterday"} if number == 7 else {})
        return await caller.post(model.path(), json={"rows": [row]}, headers=member.headers)

    replies = await asyncio.gather(*(reply_to(number) for number in range(20)))
    assert [reply.status_code for reply in replies] == [422 if number == 7 else 200 for number in range(20)]
    assert [reply.json()["predictions"] for number, reply in enumerate(replies) if number != 7] == [
        expected([flight(number)]) for number in range(20) if number != 7
    ]


async def test_an_address_names_the_champion_then_the_latest(
    caller: httpx.AsyncClient, database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    made = make_model(database, tmp_path, member, onnx_file(), onnx_file(seed=1), onnx_file())
    point_alias(database, member, made, "trial", 2)

    async def version(which: str) -> int:
        reply = await caller.post(made.path(which), json={"rows": [flight()]}, headers=member.headers)
        return int(reply.json()["version"])

    assert [await version(which) for which in ("", "@1", "@2", "@latest", "@trial")] == [3, 1, 2, 3, 2]
    point_alias(database, member, made, "champion", 2)
    assert await version("@champion") == 2
    reply = await caller.post(made.path("@trial"), json={"rows": [flight()]}, headers=member.headers)
    assert reply.json()["predictions"] == expected([flight()], seed=1)


async def test_a_moved_alias_is_served_within_a_second(
    caller: httpx.AsyncClient, database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    made = make_model(database, tmp_path, member, onnx_file(), onnx_file(seed=1), aliases={"champion": 1})

    async def version() -> int:
        reply = await caller.post(made.path(), json={"rows": [flight()]}, headers=member.headers)
        return int(reply.json()["version"])

    assert await version() == 1
    point_alias(database, member, made, "champion", 2)
    moved = time.monotonic()
    while (asked := time.monotonic()) and await version() == 1:
        assert asked - moved <= KNOWN_SECONDS


async def test_names_are_found_in_any_case(caller: httpx.AsyncClient, member: Member, model: MadeModel) -> None:
    org, _, name = model.address.partition("/")
    reply = await caller.post(f"/api/v1/models/{org}/{name.upper()}/predict", json={"rows": []}, headers=member.headers)
    assert reply.json()["model"] == model.address


@pytest.mark.parametrize("which", ["@9", "@nobody", "@999999999", "-other"])
async def test_what_does_not_exist_is_not_found(
    caller: httpx.AsyncClient, member: Member, model: MadeModel, which: str
) -> None:
    reply = await caller.post(model.path(which), json={"rows": []}, headers=member.headers)
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "model_not_found"


@pytest.mark.parametrize("visibility, status", [("private", 404), ("internal", 200), ("public", 200)])
async def test_another_organisations_model_is_served_when_it_is_shown(
    caller: httpx.AsyncClient, database: TestDatabase, tmp_path: Path, visibility: str, status: int
) -> None:
    owner, other = make_member(database), make_member(database)
    made = make_model(database, tmp_path, owner, onnx_file(), visibility=visibility)
    for who, wanted in ((owner, 200), (other, status), (owner, 200)):
        reply = await caller.post(made.path(), json={"rows": [flight()]}, headers=who.headers)
        assert reply.status_code == wanted


async def test_without_a_key_nobody_is_answered(caller: httpx.AsyncClient, model: MadeModel) -> None:
    for headers in ({}, {"authorization": "Bearer lyk_unknown_key"}, {"authorization": "Basic abc"}):
        reply = await caller.post(model.path(), json={"rows": []}, headers=headers)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        assert reply.json()["code"] == "sign_in_needed"


async def test_a_key_without_the_power_is_refused(
    caller: httpx.AsyncClient, database: TestDatabase, member: Member, model: MadeModel
) -> None:
    _, key = make_key(database, org_id=member.org_id, user_id=member.user_id, scopes=("datasets:read",))
    reply = await caller.post(model.path(), json={"rows": []}, headers={"authorization": f"Bearer {key}"})
    assert reply.status_code == 403
    assert "models:predict" in reply.json()["detail"]


async def test_a_revoked_key_is_refused_within_a_second(
    caller: httpx.AsyncClient, client: httpx.AsyncClient, member: Member, model: MadeModel
) -> None:
    async def status() -> int:
        return (await caller.post(model.path(), json={"rows": []}, headers=member.headers)).status_code

    assert await status() == 200
    revoking = await client.delete(f"/api/v1/api-keys/{member.key_id}", headers=member.headers)
    assert revoking.status_code == 200, revoking.text
    revoked = time.monotonic()
    while (asked := time.monotonic()) and await status() == 200:
        assert asked - revoked <= KNOWN_SECONDS
    assert await status() == 401


async def test_a_person_asks_in_their_session_by_token_and_by_cookie(
    hub_settings: Settings, member: Member, model: MadeModel
) -> None:
    async with (
        running_app(hub_settings) as app,
        program_of(app, member) as (program, _),
        signed_in_client(app, member) as browser,
    ):
        for client in (program, browser):
            reply = await client.post(model.path(), json={"rows": [flight(1)]})
            assert reply.status_code == 200, reply.text
        foreign = await browser.post(model.path(), json={"rows": []}, headers={"origin": "https://elsewhere.example"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "csrf_refused")


DEEP = b'{"rows": [{"extra": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}"


@pytest.mark.parametrize(
    "body, status, sentence",
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"[]", 400, "no list of rows"),
        (b'{"rows": 3}', 400, "no list of rows"),
        (b'{"rows": [{}, 3]}', 400, "row 1 is not an object"),
        (b'{"rows": [{}, {"wind": "strong"}]}', 422, "Row 1, column 'wind': 'strong' is not a number."),
        (b'{"rows": [{"day": "2013-02-31"}]}', 422, "Row 0, column 'day': '2013-02-31' is not a date"),
        (b'{"rows": [{"carrier": ["AA"]}]}', 422, "Row 0, column 'carrier': ['AA'] is not a text."),
        (b'{"rows": [{"wind": "\xff"}]}', 400, "not JSON"),
        (DEEP, 400, "nested too deeply"),
        (DEEP[: 2**15] + b"]" * 2**15, 400, "nested too deeply"),
    ],
)
async def test_what_is_wrong_with_a_body_is_said_in_a_sentence(
    caller: httpx.AsyncClient, member: Member, model: MadeModel, body: bytes, status: int, sentence: str
) -> None:
    reply = await caller.post(model.path(), content=body, headers=member.headers)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert sentence.lower() in reply.json()["detail"].lower()


@pytest.mark.parametrize("wrong", [{"wind": "strong"}, {"day": "never"}, {"distance": {}}])
async def test_a_wrong_value_deep_in_a_large_request_is_named_by_its_row(
    caller: httpx.AsyncClient, member: Member, model: MadeModel, wrong: dict[str, object]
) -> None:
    rows = [flight(number) for number in range(9_000)]
    rows[8_765] |= wrong
    reply = await caller.post(model.path(), json={"rows": rows}, headers=member.headers)
    assert reply.status_code == 422
    assert reply.json()["row"] == 8_765
    assert reply.json()["column"] == next(iter(wrong))
    assert reply.json()["detail"].startswith("Row 8765, column")


async def test_a_row_that_is_none_in_a_large_request_is_named(
    caller: httpx.AsyncClient, member: Member, model: MadeModel
) -> None:
    rows: list[object] = [flight(number) for number in range(3_000)]
    rows[2_999] = 3
    reply = await caller.post(model.path(), json={"rows": rows}, headers=member.headers)
    assert (reply.status_code, "Row 2999 is not an object" in reply.json()["detail"]) == (400, True)


@pytest.mark.parametrize("row", [{}, flight()])
async def test_more_rows_than_a_request_may_hold_are_refused(
    caller: httpx.AsyncClient, member: Member, model: MadeModel, row: dict[str, object]
) -> None:
    reply = await caller.post(model.path(), json={"rows": [row] * 10_001}, headers=member.headers)
    assert reply.status_code == 413
    assert reply.json()["code"] == "too_many_rows"
    assert "LYCEUM_PREDICT_ROWS_MAX" in reply.json()["detail"]


def wide_body(columns: int) -> bytes:
    """A request of one flight among so many columns the model does not know."""
    extra = b"".join(b'"%x":1,' % number for number in range(columns))
    return b'{"rows": [{' + extra + msgspec.json.encode(flight(3))[1:] + b"]}"


async def test_unknown_columns_are_passed_over_however_many(
    predictions: PredictApp, member: Member, model: MadeModel, loop_watch: LoopWatch
) -> None:
    body = await asyncio.to_thread(wide_body, 90_000)
    status, reply = await ask(predictions, model.path(), body, member.headers)
    assert (status, msgspec.json.decode(reply)["predictions"]) == (200, expected([flight(3)]))


async def test_a_row_of_a_million_columns_is_refused(
    predictions: PredictApp, hub_settings: Settings, member: Member, model: MadeModel, loop_watch: LoopWatch
) -> None:
    body = await asyncio.to_thread(wide_body, 1_000_000)
    assert len(body) < hub_settings.request_bytes_max
    status, reply = await ask(predictions, model.path(), body, member.headers)
    assert status == 413
    assert "Row 0 is" in msgspec.json.decode(reply)["detail"]


async def test_a_body_past_the_limit_is_refused_before_it_is_read(
    caller: httpx.AsyncClient, hub_settings: Settings, member: Member, model: MadeModel
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    reply = await caller.post(model.path(), content=endless(), headers=member.headers)
    assert reply.status_code == 413
    assert "LYCEUM_REQUEST_BYTES_MAX" in reply.json()["detail"]
    assert sent <= hub_settings.request_bytes_max + 3 * 65_536
    declared = member.headers | {"content-length": "99999999999"}
    assert (await caller.post(model.path(), content=b"{}", headers=declared)).status_code == 413


async def test_large_bodies_wait_outside_when_others_fill_the_memory(
    predictions: PredictApp, caller: httpx.AsyncClient, member: Member, model: MadeModel
) -> None:
    body = msgspec.json.encode({"rows": [flight()] * 5_000})

    async def in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    predictions._bodies.held_bytes += predictions._bodies._held_bytes_max
    refused = await caller.post(model.path(), content=in_parts(), headers=member.headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    small = await caller.post(model.path(), json={"rows": [flight()]}, headers=member.headers)
    assert small.status_code == 200
    predictions._bodies.held_bytes -= predictions._bodies._held_bytes_max
    assert (await caller.post(model.path(), content=in_parts(), headers=member.headers)).status_code == 200
    assert predictions._bodies.held_bytes == 0


async def test_only_post_to_a_models_path_is_answered(
    caller: httpx.AsyncClient, member: Member, model: MadeModel
) -> None:
    reply = await caller.get(model.path(), headers=member.headers)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    for path in (
        "/predict",
        "/api/v1/models/a/b/c/predict",
        "/api/v1/models/a/b@c@d/predict",
        "/api/v1/models/a//predict",
    ):
        assert (await caller.post(path, headers=member.headers)).status_code == 404
    packed = await caller.post(model.path(), content=b"x", headers=member.headers | {"content-encoding": "gzip"})
    assert packed.status_code == 415


@pytest.mark.parametrize("harm", ["missing", "changed", "no model"])
async def test_a_model_that_cannot_be_loaded_is_unavailable(
    caller: httpx.AsyncClient, database: TestDatabase, tmp_path: Path, member: Member, harm: str
) -> None:
    made = make_model(database, tmp_path, member, b"no model" if harm == "no model" else onnx_file())
    file = tmp_path / "files" / "models" / f"{made.version_ids[1].hex}.onnx"
    if harm == "missing":
        file.unlink()
    if harm == "changed":
        file.write_bytes(onnx_file(seed=1))
    for _ in range(2):
        reply = await caller.post(made.path(), json={"rows": []}, headers=member.headers)
        assert reply.status_code == 503
        assert reply.json()["code"] == "model_not_loadable"
        assert reply.headers["retry-after"]
        assert str(tmp_path) not in reply.text


async def test_a_large_batch_holds_up_nobody(
    predictions: PredictApp, member: Member, model: MadeModel, loop_watch: LoopWatch
) -> None:
    one, many = (msgspec.json.encode({"rows": [flight(7)] * count}) for count in (1, 10_000))
    large = asyncio.create_task(ask(predictions, model.path(), many, member.headers))
    answered_meanwhile = 0
    while not large.done():
        status, _ = await ask(predictions, model.path(), one, member.headers)
        assert status == 200
        answered_meanwhile += 1
        await asyncio.sleep(0)
    assert answered_meanwhile > 10
    status, reply = await large
    assert (status, reply.count(b'"label"')) == (200, 10_000)


async def test_models_past_the_memory_bound_take_turns(
    hub_settings: Settings, database: TestDatabase, tmp_path: Path, member: Member
) -> None:
    made = [make_model(database, tmp_path, member, onnx_file(seed=seed)) for seed in (0, 1)]
    small = hub_settings.model_copy(update={"predict_models_bytes_max": 9 * 1024**2})
    async with running_predictions(small) as (_, predictions), caller_of(predictions) as caller:
        for _ in range(2):
            for seed, one in enumerate(made):
                reply = await caller.post(one.path(), json={"rows": [flight(5)]}, headers=member.headers)
                assert reply.json()["predictions"] == expected([flight(5)], seed=seed)
        assert len(predictions._models._loaded) == 1


async def test_a_model_is_loaded_once_however_many_ask(
    predictions: PredictApp,
    caller: httpx.AsyncClient,
    member: Member,
    model: MadeModel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="lyceum.serve.predictions.models")
    asked = (caller.post(model.path(), json={"rows": [flight()]}, headers=member.headers) for _ in range(30))
    replies = await asyncio.gather(*asked)
    assert {reply.status_code for reply in replies} == {200}
    assert [record.message for record in caplog.records] == ["a model was loaded"]


async def test_the_main_app_answers_predictions_at_the_same_path(
    predictions: PredictApp, member: Member, model: MadeModel
) -> None:
    app = FastAPI()
    answer_problems(app)
    add_predict_route(app)
    app.state.predictions = predictions
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        reply = await client.post(model.path("@1"), json={"rows": [flight()]}, headers=member.headers)
        assert reply.json()["predictions"] == expected([flight()])
        wrong = await client.get(model.path(), headers=member.headers)
        assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
