"""An attempt: how long it may take, what it says, and how it is counted."""

import asyncio
import logging
from typing import ClassVar

import pytest
from prometheus_client import generate_latest

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.job_kinds import Heard, Light, light_handlers
from fixtures.own_database import member, resources
from fixtures.queue import put
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs import job_log
from lyceum.kernel.jobs.figures import count_jobs
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.job_log import list_log
from lyceum.kernel.jobs.reaper import Reaper
from lyceum.kernel.jobs.writing import write_now_and_then
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

__all__ = ["member", "resources"]


class Brief(Light, frozen=True, kw_only=True):
    kind = "test.brief"
    attempts_max = 1
    seconds_max: ClassVar[int | None] = 1


class Talkative(Light, frozen=True, kw_only=True):
    kind = "test.talkative"
    lines: int = 1


async def talk(_run: JobRun, args: Talkative) -> None:
    for number in range(args.lines):
        logging.getLogger("lyceum.somewhere").info("said it", extra={"count": number})
    logging.getLogger("lyceum.somewhere").debug("not for the owner")
    await asyncio.to_thread(logging.getLogger("lyceum.somewhere").warning, "said in a thread")


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


async def test_an_attempt_that_takes_longer_than_its_kind_may_is_ended(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Brief(note="wait"))
    async with running_worker(resources, *light_handlers(Heard(), Brief)):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
    assert job_row(fresh_database, job_id)["error"]["code"] == "job_took_too_long"


async def test_a_job_that_knows_of_no_limit_has_that_of_its_kind(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Brief(note="wait"))
    rows_of(fresh_database, "UPDATE jobs SET seconds_max = NULL WHERE id = %s", job_id)
    async with running_worker(resources, *light_handlers(Heard(), Brief)):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
    assert job_row(fresh_database, job_id)["error"]["code"] == "job_took_too_long"


async def test_what_a_handler_logs_is_kept_with_its_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Talkative(lines=2))
    async with running_worker(resources, LightHandler(args_type=Talkative, run=talk)):
        await eventually(lambda: len(rows_of(fresh_database, "SELECT 1 FROM job_log")) == 3)
    async with transaction(resources.database, member.scope) as tx:
        lines = await list_log(tx, job_id, limit=10)
        assert [line.message for line in await list_log(tx, job_id, after=lines[0].number, limit=1)] == ["said it"]
    assert [(line.level, line.message, line.facts) for line in lines] == [
        ("info", "said it", {"count": 0}),
        ("info", "said it", {"count": 1}),
        ("warning", "said in a thread", {}),
    ]
    stranger = make_member(fresh_database)
    async with transaction(resources.database, stranger.scope) as tx:
        assert await list_log(tx, job_id, limit=10) == []


async def test_what_is_said_after_an_attempt_by_what_it_began_is_not_its_own(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    said = logging.getLogger("lyceum.somewhere")
    goes_on = asyncio.Event()
    begun: list[asyncio.Task[None]] = []

    async def straggle() -> None:
        await goes_on.wait()
        said.info("too late")

    async def begin(_run: JobRun, args: Light) -> None:
        said.info(args.note)
        if not begun:
            begun.append(asyncio.create_task(straggle()))

    first = await put(resources, member, Light(note="first"))
    async with running_worker(resources, LightHandler(args_type=Light, run=begin)):
        await eventually(lambda: job_row(fresh_database, first)["state"] == "done")
        goes_on.set()
        await begun[0]
        await put(resources, member, Light(note="second"))
        await eventually(lambda: len(rows_of(fresh_database, "SELECT 1 FROM job_log")) == 2)
    lines = rows_of(fresh_database, "SELECT message FROM job_log ORDER BY number")
    assert [line["message"] for line in lines] == ["first", "second"]


async def test_what_is_being_written_as_a_worker_stops_is_written_once() -> None:
    waiting, written = ["said it"], list[str]()
    begins, goes_on = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        batch = list(waiting)
        begins.set()
        await goes_on.wait()
        written.extend(batch)
        del waiting[: len(batch)]

    writing = asyncio.create_task(write_now_and_then(write, every_seconds=0.0, last_seconds_max=20.0))
    await begins.wait()
    writing.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert written == ["said it"]


async def test_of_what_an_attempt_says_too_much_the_rest_is_left_out(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_log, "LINES_AN_ATTEMPT_MAX", 3)
    await put(resources, member, Talkative(lines=50))
    async with running_worker(resources, LightHandler(args_type=Talkative, run=talk)):
        lines = await eventually(lambda: rows_of(fresh_database, "SELECT message FROM job_log ORDER BY number"))
    assert [line["message"] for line in lines] == [
        "said it",
        "said it",
        "What this attempt says from here on is left out.",
    ]


async def test_a_log_that_cannot_be_written_is_written_later(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    rows_of(fresh_database, "ALTER TABLE job_log RENAME TO job_log_away")
    await put(resources, member, Talkative())
    async with running_worker(resources, LightHandler(args_type=Talkative, run=talk)):
        await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM jobs WHERE state = 'done'"))
        rows_of(fresh_database, "ALTER TABLE job_log_away RENAME TO job_log")
        await eventually(lambda: len(rows_of(fresh_database, "SELECT 1 FROM job_log")) == 2)


async def test_what_cannot_be_written_of_a_line_costs_no_other_and_ends_nothing(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = logging.getLogger("lyceum.somewhere")
    # the report of a test cannot hold half of a surrogate pair either
    monkeypatch.setattr(said, "propagate", False)
    monkeypatch.setattr(said, "handlers", [job_log._HANDLER])

    async def mumble(_run: JobRun, _args: Light) -> None:
        said.info("a file named \udce4", extra={"name_of_file": "\udce4"})
        said.info("far too many", extra={"n": 2**70})
        said.info("by number", extra={"counts": {1: 2}})
        said.info("well said", extra={"count": 1})

    job_id = await put(resources, member, Light())
    async with running_worker(resources, LightHandler(args_type=Light, run=mumble)):
        await eventually(lambda: len(rows_of(fresh_database, "SELECT 1 FROM job_log")) == 4)
    assert job_row(fresh_database, job_id)["state"] == "done"
    lines = rows_of(fresh_database, "SELECT message, facts FROM job_log ORDER BY number")
    assert [(line["message"], line["facts"]) for line in lines] == [
        ("a file named ?", {}),
        ("far too many", {}),
        ("by number", {}),
        ("well said", {"count": 1}),
    ]


async def test_a_line_the_database_never_takes_is_left_out(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    refused = "ALTER TABLE job_log ADD CONSTRAINT refused CHECK (facts IS DISTINCT FROM '{\"count\": 2}')"
    rows_of(fresh_database, refused)
    await put(resources, member, Talkative(lines=5))
    count = "SELECT facts -> 'count' AS count FROM job_log WHERE message = 'said it' ORDER BY number"
    async with running_worker(resources, LightHandler(args_type=Talkative, run=talk)):
        await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM job_log WHERE level = 'warning'"))
    assert [line["count"] for line in rows_of(fresh_database, count)] == [0, 1, 3, 4]


async def test_the_owner_reads_no_trace_nor_cause_of_the_kernel_and_nothing_of_libraries(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async def fail(_run: JobRun, _args: Light) -> None:
        logging.getLogger("lyceum.kernel.tx").warning("no database", extra={"cause": "connection to db.internal"})
        logging.getLogger("a_library").warning("connection to db.internal")
        raise RuntimeError("secret detail of a library")

    job_id = await put(resources, member, Light())
    rows_of(fresh_database, "UPDATE jobs SET attempts_max = 1 WHERE id = %s", job_id)
    async with running_worker(resources, LightHandler(args_type=Light, run=fail)):
        await eventually(lambda: len(rows_of(fresh_database, "SELECT 1 FROM job_log")) == 2)
    lines = rows_of(fresh_database, "SELECT level, message, facts FROM job_log ORDER BY number")
    assert [tuple(line.values()) for line in lines] == [
        ("warning", "no database", {}),
        ("error", "job failed", {}),
    ]


async def test_a_worker_that_cannot_take_jobs_back_says_so_and_goes_on(
    resources: Resources,
    fresh_database: TestDatabase,
    member: Member,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(_reaper: Reaper) -> int:
        raise OSError("no way there")

    monkeypatch.setattr(Reaper, "look", away)
    said = "jobs of silent workers could not be taken back"
    async with running_worker(resources, *light_handlers(Heard()), lease_seconds=0.8):
        await eventually(lambda: said in caplog.messages)
        job_id = await put(resources, member, Light())
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    assert {getattr(record, "cause", "") for record in caplog.records if record.message == said} == {"no way there"}


async def test_ended_attempts_are_counted_by_kind_class_and_outcome(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    for note in ("x", "x", "refuse"):
        await put(resources, member, Light(note=note))
    async with running_worker(resources, *light_handlers(Heard())):
        ended = "SELECT 1 FROM jobs WHERE state IN ('done', 'dead')"
        await eventually(lambda: len(rows_of(fresh_database, ended)) == 3)
    await count_jobs(resources.database)
    shown = generate_latest(registry).decode()
    assert 'lyceum_jobs_ended_total{class="normal",kind="test.light",outcome="done"} 2.0' in shown
    assert 'lyceum_jobs_ended_total{class="normal",kind="test.light",outcome="failed"} 1.0' in shown
    assert 'lyceum_job_wait_seconds_count{class="normal",kind="test.light",outcome="done"} 2.0' in shown
    assert 'lyceum_job_run_seconds_bucket{class="normal",kind="test.light",le="+Inf",outcome="done"} 2.0' in shown
