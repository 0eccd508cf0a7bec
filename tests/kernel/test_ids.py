"""One id leads from a request to every line of every process that worked for it."""

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from fixtures.app import client_of, eventually, job_row, rows_of, running_app, settings_for
from fixtures.job_kinds import Heavy, Light
from fixtures.own_database import member
from fixtures.queue import put
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import Tx, api_router
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import JsonLines, given_trace_parent, log_context
from make.accounts import Member

__all__ = ["member"]

REQUEST = "request-of-the-test"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE_PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def hub_settings(fresh_database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(fresh_database, tmp_path, valkey_url=valkey_url)


@pytest.fixture
async def asks(hub_settings: Settings, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API that also enqueues what it is told, and crashes."""
    router = api_router("")

    @router.post("/test/jobs")
    async def put(tx: Tx) -> list[UUID]:
        return [await enqueue(tx, Light(note="first")), await enqueue(tx, Heavy(what="say"))]

    @router.get("/test/crash")
    async def crash(_tx: Tx) -> None:
        raise ZeroDivisionError

    async with running_app(hub_settings) as app:
        app.router.routes[:0] = router.routes
        async with client_of(app, key=member.key) as client:
            yield client


@pytest.fixture
def request_lines() -> Iterator[io.StringIO]:
    """What this process says of requests, in the form of the hub's logs."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines("api"))
    logger = logging.getLogger("lyceum.requests")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def lines_in(log_file: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a log."""
    text = log_file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@pytest.mark.deep
async def test_a_requests_id_and_trace_stand_in_the_lines_of_all_jobs_that_follow_from_it(
    asks: httpx.AsyncClient, start_worker: Callable[[], Path], member: Member, fresh_database: TestDatabase
) -> None:
    headers = {"x-request-id": REQUEST, "traceparent": TRACE_PARENT}
    light, heavy = (UUID(job_id) for job_id in (await asks.post("/test/jobs", headers=headers)).json())
    log_file = start_worker()
    ended = "SELECT count(*) AS jobs FROM jobs WHERE state = 'done'"
    await eventually(lambda: rows_of(fresh_database, ended)[0]["jobs"] == 3)
    said = {line.get("note") or line["message"]: line for line in lines_in(log_file) if "job_id" in line}
    assert {"first", "second", "computed"} <= set(said)
    for line in said.values():
        assert (line["request_id"], line["trace_id"]) == (REQUEST, TRACE)
        assert (line["org_id"], line["user_id"]) == (str(member.org_id), str(member.user_id))
        assert line["attempt"] == 1
    assert (said["first"]["job_id"], said["first"]["kind"]) == (str(light), "test.light")
    assert said["second"]["job_id"] not in {str(light), str(heavy)}
    assert (said["computed"]["job_id"], said["computed"]["kind"]) == (str(heavy), "test.heavy")
    assert (said["first"]["process"], said["computed"]["process"]) == ("worker", "compute")


async def test_the_news_that_a_job_was_given_up_belongs_to_the_request_as_well(
    asks: httpx.AsyncClient, fresh_database: TestDatabase
) -> None:
    light = UUID((await asks.post("/test/jobs", headers={"x-request-id": REQUEST})).json()[0])
    await asks.post(f"/api/v1/jobs/{light}/cancel", headers={"x-request-id": "another-request"})
    (news,) = rows_of(fresh_database, "SELECT origin FROM jobs WHERE kind = 'jobs.gave_up'")
    assert news["origin"] == job_row(fresh_database, light)["origin"] == {"request_id": REQUEST}


async def test_lines_of_a_request_bear_the_ids_of_who_asks_and_no_name(
    asks: httpx.AsyncClient, member: Member, request_lines: io.StringIO
) -> None:
    answer = await asks.get("/test/crash", headers={"x-request-id": REQUEST})
    assert answer.json()["request_id"] == REQUEST
    lines = [json.loads(line) for line in request_lines.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["request crashed", "request"]
    for line in lines:
        assert (line["org_id"], line["user_id"]) == (str(member.org_id), str(member.user_id))
        assert (line["request_id"], line["process"]) == (REQUEST, "api")
        assert member.org_name not in json.dumps(line)
    assert log_context.get() is None


async def test_what_is_enqueued_outside_of_a_request_comes_from_nowhere(
    resources: Resources, member: Member, fresh_database: TestDatabase
) -> None:
    assert job_row(fresh_database, await put(resources, member, Light()))["origin"] is None


@pytest.mark.parametrize(
    "header, known",
    [
        (TRACE_PARENT, TRACE_PARENT),
        (f"{TRACE_PARENT.replace('00-', '7f-', 1)}-more", TRACE_PARENT),
        (None, None),
        ("", None),
        (TRACE_PARENT.upper(), None),
        (TRACE_PARENT.replace(TRACE, "0" * 32), None),
        (TRACE_PARENT.replace("00f067aa0ba902b7", "0" * 16), None),
        (f"ff{TRACE_PARENT[2:]}", None),
        (f"{TRACE_PARENT}x", None),
        (f"{TRACE_PARENT[:-1]}\n", None),
    ],
)
def test_a_traceparent_is_believed_when_w3c_trace_context_knows_its_form(header: str | None, known: str | None) -> None:
    assert given_trace_parent(header) == known


def test_ids_of_python_types_are_written_as_text() -> None:
    token = log_context.set({"org_id": UUID(int=7), "attempt": 2})
    record = logging.makeLogRecord({"name": "lyceum.x", "levelname": "INFO", "msg": "said"})
    line = json.loads(JsonLines("api").format(record))
    log_context.reset(token)
    assert (line["org_id"], line["attempt"]) == ("00000000-0000-0000-0000-000000000007", 2)


def test_what_libraries_mark_records_with_for_themselves_is_not_written() -> None:
    record = logging.makeLogRecord({"name": "lyceum.x", "levelname": "INFO", "msg": "said", "_marked": 1, "count": 2})
    line = json.loads(JsonLines("api").format(record))
    assert (line["count"], "_marked" in line) == (2, False)
