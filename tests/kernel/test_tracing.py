"""Traces as a collector gets them: from a request through its statements and jobs to what a child computes."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import HTTPException
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fixtures.app import client_of, eventually, rows_of, running_app, settings_for
from fixtures.collectors import COLLECTOR_KEY, FarServer, SentSpan, far_server
from fixtures.job_kinds import Heavy, Light
from fixtures.own_database import member
from fixtures.predictions import caller_of, running_predictions
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import Tx, api_router
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import open_resources
from lyceum.kernel.statements import summary_of
from lyceum.kernel.telemetry import trace_parent
from lyceum.kernel.tracing import begin_span, headers_of, is_followed, traced
from lyceum.kernel.tx import transaction
from make.accounts import Member
from make.predictions import flight, make_model, onnx_file

__all__ = ["member"]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
FOLLOWED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


@pytest.fixture
def far() -> Iterator[FarServer]:
    """A collector."""
    with far_server() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyceum.kernel.tracing.EXPORT_EVERY_SECONDS", 0.05)


@pytest.fixture
def hub_settings(fresh_database: TestDatabase, valkey_url: str, tmp_path: Path, far: FarServer) -> Settings:
    return settings_for(fresh_database, tmp_path, valkey_url=valkey_url, **sending_to(far))


def sending_to(far: FarServer, **more: Any) -> dict[str, Any]:
    return {"otlp_endpoint": far.url, "otlp_headers": f"Authorization={quote(COLLECTOR_KEY)}"} | more


@pytest.fixture
async def asks(hub_settings: Settings, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    router = api_router("")

    @router.post("/test/jobs/{name}")
    async def put(tx: Tx, name: str) -> str:
        await enqueue(tx, Light(note="first"))
        await enqueue(tx, Heavy(what="say"))
        return name

    @router.get("/test/failing")
    async def fail(_tx: Tx) -> None:
        raise ZeroDivisionError("a secret of the program")

    @router.get("/test/refused")
    async def refuse() -> None:
        raise HTTPException(409)

    @router.get("/test/wrong")
    async def wrong(tx: Tx) -> str:
        with pytest.raises(DBAPIError):
            await tx.execute(text("SELECT 1 / :nothing FROM jobs"), {"nothing": 0})
        await tx.rollback()
        return ""

    async with running_app(hub_settings) as app:
        app.router.routes[:0] = router.routes
        async with client_of(app, key=member.key) as client:
            yield client


async def sent(far: FarServer, name: str, *, count: int = 1) -> list[SentSpan]:
    """Return the spans of a name once there are so many."""

    def found() -> list[SentSpan]:
        return [one for one in far.spans if one.span.name == name]

    await eventually(lambda: len(found()) >= count, what=f"{count} of {name} in {[one.span.name for one in far.spans]}")
    return found()


async def test_a_trace_leads_from_the_caller_through_the_request_to_its_jobs_and_what_they_compute(
    asks: httpx.AsyncClient,
    start_worker: Callable[[], Path],
    far: FarServer,
    fresh_database: TestDatabase,
    member: Member,
) -> None:
    reply = await asks.post("/test/jobs/mine?token=secret", headers=FOLLOWED | {"x-request-id": "traced-request"})
    start_worker()
    (server,) = await sent(far, "POST /test/jobs/{name}")
    inserts = await sent(far, "INSERT jobs", count=3)
    first, second = sorted(await sent(far, "job test.light", count=2), key=lambda one: one.span.start_time_unix_nano)
    (heavy,) = await sent(far, "job test.heavy")
    (compute,) = await sent(far, "compute fixtures.computing:compute")

    assert reply.headers["traceresponse"] == f"00-{TRACE}-{server.span_id}-01"
    assert {one.span.trace_id.hex() for one in (server, *inserts, first, second, heavy, compute)} == {TRACE}
    assert server.parent_id == CALLER
    assert sorted(one.parent_id for one in inserts) == sorted([server.span_id, server.span_id, first.span_id])
    assert (first.parent_id, heavy.parent_id) == (server.span_id, server.span_id)
    assert second.parent_id == first.span_id
    assert compute.parent_id == heavy.span_id

    assert (server.service, first.service, compute.service) == ("lyceum-api", "lyceum-worker", "lyceum-worker")
    kinds = [one.span.kind for one in (server, inserts[0], first, compute)]
    assert kinds == [
        Span.SPAN_KIND_SERVER,
        Span.SPAN_KIND_CLIENT,
        Span.SPAN_KIND_CONSUMER,
        Span.SPAN_KIND_INTERNAL,
    ]
    known = server.attributes
    assert known["http.request.method"] == "POST"
    assert known["http.route"] == "/test/jobs/{name}"
    assert known["http.response.status_code"] == 200
    assert (known["url.path"], known["url.scheme"]) == ("/test/jobs/mine", "http")
    assert known["lyceum.org_id"] == str(member.org_id)
    assert first.attributes["lyceum.request_id"] == "traced-request"
    assert (first.attributes["lyceum.outcome"], first.attributes["lyceum.attempt"]) == ("done", 1)
    statement = inserts[0].attributes
    assert (statement["db.system.name"], statement["db.operation.name"]) == ("postgresql", "INSERT")
    assert statement["db.collection.name"] == "jobs"
    assert "%(kind)s" in statement["db.query.text"]

    everything = str([one.span for one in far.spans])
    assert "token=secret" not in everything
    assert member.org_name not in everything
    assert far.refused == []


async def test_what_went_wrong_is_marked_and_its_words_are_left_out(asks: httpx.AsyncClient, far: FarServer) -> None:
    await asks.get("/health/live")
    await asks.get("/test/failing")
    await asks.get("/test/refused")
    await asks.get("/test/wrong")
    (failed,) = await sent(far, "GET /test/failing")
    assert (failed.span.status.code, failed.attributes["error.type"]) == (Status.STATUS_CODE_ERROR, "500")
    (refused,) = await sent(far, "GET /test/refused")
    assert refused.span.status.code == Status.STATUS_CODE_UNSET
    (wrong,) = [one for one in await sent(far, "SELECT jobs") if "error.type" in one.attributes]
    assert wrong.attributes["error.type"] == "DivisionByZero"
    assert "a secret of the program" not in str([one.span for one in far.spans])
    # what monitors ask every few seconds is no trace
    assert [one for one in far.spans if "health" in one.span.name] == []


async def test_a_prediction_is_a_span(
    fresh_database: TestDatabase, hub_settings: Settings, member: Member, far: FarServer, tmp_path: Path
) -> None:
    model = make_model(fresh_database, tmp_path, member, onnx_file())
    async with running_predictions(hub_settings) as (_, predictions), caller_of(predictions) as caller:
        headers = member.headers | FOLLOWED
        await caller.post(model.path(), json={"rows": [flight(1), flight(2)]}, headers=headers)
        await caller.post("/api/v1/models/none/none/predict", json={"rows": []}, headers=headers)
    answered, missing = await sent(far, "POST /api/v1/models/{org}/{name}/predict", count=2)
    assert (answered.parent_id, answered.span.kind) == (CALLER, Span.SPAN_KIND_SERVER)
    assert (answered.attributes["http.response.status_code"], answered.attributes["lyceum.rows"]) == (200, 2)
    assert answered.attributes["lyceum.org_id"] == str(member.org_id)
    assert missing.attributes["http.response.status_code"] == 404


async def test_the_share_that_is_asked_for_is_sent_and_others_word_is_kept(
    fresh_database: TestDatabase, tmp_path: Path, far: FarServer
) -> None:
    settings = settings_for(fresh_database, tmp_path, **sending_to(far, trace_sample_ratio=0.0))
    async with open_resources(settings, process="api", subscribers={}):
        with traced("own"):
            assert not is_followed()
        token = trace_parent.set(FOLLOWED["traceparent"])
        with traced("asked for"):
            assert is_followed()
        trace_parent.reset(token)
    assert [one.span.name for one in far.spans] == ["asked for"]


async def test_what_is_left_is_sent_at_the_end(fresh_database: TestDatabase, tmp_path: Path, far: FarServer) -> None:
    settings = settings_for(fresh_database, tmp_path, **sending_to(far))
    async with open_resources(settings, process="api", subscribers={}):
        for _ in range(3000):
            with traced("one of many"):
                pass
    assert 1000 < len(far.spans) <= 3000


async def test_a_collector_that_does_not_answer_holds_up_nobody_and_not_the_end(
    fresh_database: TestDatabase, tmp_path: Path, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    with far_server(answers=False) as silent:
        settings = settings_for(fresh_database, tmp_path, **sending_to(silent))
        async with open_resources(settings, process="api", subscribers={}) as resources:
            with traced("unheard"):
                pass
            await eventually(silent.asked.is_set)
            async with transaction(resources.database, member.scope) as tx:
                assert await tx.scalar(text("SELECT 1")) == 1
        # the end did not wait until it answered
        assert not silent.released.is_set()
    assert "the last reports could not be delivered in time" in caplog.messages


async def test_a_collector_that_is_away_is_told_of_once_a_minute(
    fresh_database: TestDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.tracing.EXPORT_SECONDS_MAX", 0.05)
    with far_server() as gone:
        pass
    settings = settings_for(fresh_database, tmp_path, **sending_to(gone))
    async with open_resources(settings, process="api", subscribers={}):
        with traced("lost"):
            pass
        await eventually(lambda: len(caplog.records) >= 1)
        for _ in range(5):
            with traced("lost as well"):
                pass
    (said,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert said.message == "traces cannot be delivered; the hub goes on without"
    assert vars(said)["spans_lost"] == 1


async def test_without_a_collector_nothing_is_begun(fresh_database: TestDatabase, tmp_path: Path) -> None:
    async with open_resources(settings_for(fresh_database, tmp_path), process="api", subscribers={}):
        assert begin_span("anything", kind="internal") is None


@pytest.mark.deep
def test_without_a_collector_and_sentry_nothing_of_them_is_imported() -> None:
    imported = "import sys, lyceum.web, lyceum.worker, lyceum.predict, lyceum.cli; print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", imported), capture_output=True, text=True, check=True)
    # the client of Valkey looks for the library's metrics by itself
    ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto", "sentry_sdk", "requests")
    assert [name for name in done.stdout.split() if name.startswith(ours)] == []


@pytest.mark.parametrize(
    "statement, operation, table",
    [
        ("SELECT jobs.id FROM jobs WHERE id = %(id)s", "SELECT", "jobs"),
        ("INSERT INTO job_needs (a) VALUES (%(a)s)", "INSERT", "job_needs"),
        ("UPDATE jobs SET a = 1", "UPDATE", "jobs"),
        ("DELETE FROM ONLY jobs", "DELETE", "jobs"),
        ("SELECT definer.jobs_settle(%(a)s)", "SELECT", "definer.jobs_settle"),
        ("SELECT id FROM definer.jobs_claim(%(a)s)", "SELECT", "definer.jobs_claim"),
        ("SELECT 1", "SELECT", ""),
        ("", "", ""),
    ],
)
def test_a_statement_is_named_by_what_it_does_to_what(statement: str, operation: str, table: str) -> None:
    assert summary_of(statement) == (operation, table)


def test_headers_are_written_as_opentelemetry_does() -> None:
    assert headers_of("Authorization=Basic%20abc=, x-scope = two") == {"authorization": "Basic abc=", "x-scope": "two"}
    assert headers_of("") == {}


async def test_jobs_say_in_the_database_which_trace_they_belong_to(
    asks: httpx.AsyncClient, fresh_database: TestDatabase
) -> None:
    reply = await asks.post("/test/jobs/mine", headers=FOLLOWED)
    origins = [row["origin"]["traceparent"] for row in rows_of(fresh_database, "SELECT origin FROM jobs")]
    assert origins == [reply.headers["traceresponse"]] * 2
