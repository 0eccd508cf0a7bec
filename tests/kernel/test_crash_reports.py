"""Crashes as Sentry gets them: what kind, where, with which ids; and nothing that could be somebody's."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request

from fixtures.app import client_of, eventually, job_row, running_app, running_worker, settings_for
from fixtures.collectors import FarServer, far_server
from fixtures.job_kinds import Heard, HeavyOnce, Light, heavy_handler, light_handlers
from fixtures.own_database import member
from fixtures.predictions import caller_of, running_predictions
from fixtures.queue import put
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import Tx, api_router
from lyceum.kernel.config import Settings
from lyceum.kernel.problems import Conflict
from lyceum.kernel.resources import open_resources
from make.accounts import Member
from make.predictions import MadeModel, make_model, onnx_file

__all__ = ["member"]

SECRET = "somebody's secret value"


@pytest.fixture
def far() -> Iterator[FarServer]:
    """A Sentry."""
    with far_server() as opened:
        yield opened


@pytest.fixture
def hub_settings(fresh_database: TestDatabase, valkey_url: str, tmp_path: Path, far: FarServer) -> Settings:
    return settings_for(fresh_database, tmp_path, valkey_url=valkey_url, sentry_dsn=far.sentry_dsn)


@pytest.fixture
async def asks(hub_settings: Settings, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    router = api_router("")

    @router.post("/test/crash")
    async def crash(_tx: Tx, request: Request) -> None:
        value_of_a_variable = await request.json()
        raise ZeroDivisionError(f"because of {value_of_a_variable}")

    @router.get("/test/refused")
    async def refuse() -> None:
        raise Conflict("This is what went wrong.")

    async with running_app(hub_settings) as app:
        app.router.routes[:0] = router.routes
        async with client_of(app, key=member.key) as client:
            yield client


async def told(far: FarServer, kind: str) -> dict[str, Any]:
    """Return the first event about such an error."""

    def found() -> list[dict[str, Any]]:
        return [event for event in far.events if event["exception"]["values"][-1]["type"] == kind]

    events: list[dict[str, Any]] = await eventually(found, what=str(far.events) + str(far.refused))
    return events[0]


async def test_a_crash_of_a_request_is_told_with_its_ids_and_without_its_values(
    asks: httpx.AsyncClient, far: FarServer, member: Member
) -> None:
    headers = {"x-request-id": "crashed-request", "x-secret": SECRET}
    await asks.get("/test/refused")
    await asks.post(f"/test/crash?token={SECRET}", json={"password": SECRET}, headers=headers)
    event = await told(far, "ZeroDivisionError")
    (error,) = event["exception"]["values"]
    assert (error["stacktrace"]["frames"][-1]["function"], event["logger"]) == ("crash", "lyceum.requests")
    assert event["logentry"]["message"] == "request crashed"
    assert event["level"] == "error"
    assert event["release"].startswith("lyceum@")
    assert event["user"] == {"id": str(member.user_id)}
    assert event["tags"] == {"process": "api", "request_id": "crashed-request", "org_id": str(member.org_id)}
    everything = json.dumps(far.events)
    for secret in (SECRET, member.key, member.org_name, "because of"):
        assert secret not in everything
    assert len(far.events) == 1
    assert far.refused == []


async def test_a_crash_of_a_job_is_told_with_its_ids(far: FarServer, hub_settings: Settings, member: Member) -> None:
    heard = Heard(fails=1)
    async with (
        open_resources(hub_settings, process="worker", subscribers={}) as resources,
        running_worker(resources, *light_handlers(heard)),
    ):
        refused = await put(resources, member, Light(note="refuse"))
        job_id = await put(resources, member, Light(note="fail"))
        event = await told(far, "RuntimeError")
    assert (event["tags"]["job_id"], event["tags"]["kind"]) == (str(job_id), "test.light")
    assert (event["tags"]["attempt"], event["tags"]["process"]) == ("1", "worker")
    assert "secret detail of a library" not in json.dumps(far.events)
    assert str(refused) not in json.dumps(far.events)


async def test_a_crash_of_computing_is_told_from_where_it_was_in_the_child(
    far: FarServer,
    hub_settings: Settings,
    member: Member,
    fresh_database: TestDatabase,
    children_import_tests: None,
) -> None:
    async with (
        open_resources(hub_settings, process="worker", subscribers={}) as resources,
        running_worker(resources, heavy_handler(Heard(), HeavyOnce), heavy_slots=1),
    ):
        job_id = await put(resources, member, HeavyOnce(what="fail"))
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
        event = await told(far, "RuntimeError")
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert [frame["function"] for frame in frames][-2:] == ["compute", "_fail"]
    assert frames[-1]["filename"].endswith("computing.py")
    assert event["tags"]["job_id"] == str(job_id)
    assert "the library broke" not in json.dumps(far.events)


@pytest.fixture
def model(fresh_database: TestDatabase, tmp_path: Path, member: Member) -> MadeModel:
    return make_model(fresh_database, tmp_path, member, onnx_file())


async def test_a_crash_of_a_prediction_is_told(
    far: FarServer, hub_settings: Settings, member: Member, model: MadeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_predictions(hub_settings) as (_, predictions), caller_of(predictions) as caller:
        monkeypatch.setattr(predictions, "_models", None)
        headers = member.headers | {"x-request-id": "crashed-prediction"}
        assert (await caller.post(model.path(), json={"rows": []}, headers=headers)).status_code == 500
        event = await told(far, "AttributeError")
    assert (event["tags"]["request_id"], event["tags"]["org_id"]) == ("crashed-prediction", str(member.org_id))


async def test_a_sentry_that_does_not_answer_holds_up_nobody_and_not_the_end(
    fresh_database: TestDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with far_server(answers=False) as silent:
        settings = settings_for(fresh_database, tmp_path, sentry_dsn=silent.sentry_dsn, otlp_endpoint=silent.url)
        async with open_resources(settings, process="api", subscribers={}):
            crash()
            await eventually(silent.asked.is_set)
        assert not silent.released.is_set()


async def test_a_sentry_that_is_away_is_told_of_once_a_minute(
    fresh_database: TestDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with far_server() as gone:
        pass
    settings = settings_for(fresh_database, tmp_path, sentry_dsn=gone.sentry_dsn)
    async with open_resources(settings, process="api", subscribers={}):
        for _ in range(3):
            crash()
        await eventually(lambda: [one for one in caplog.records if one.levelno == logging.WARNING])
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert said == ["crash reports cannot be delivered; the hub goes on without"]


def crash() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("lyceum.tests").exception("crashed")
