"""Heavy jobs: computed in a child of their own, which ends with its worker and leaves nothing behind."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from fixtures.app import IMPORT_TESTS, eventually, job_row, rows_of, running_worker
from fixtures.computing import Answer
from fixtures.job_kinds import Heard, Heavy, HeavyOnce, Light, Short, heavy_handler, light_handlers
from fixtures.processes import children_of, still_there
from fixtures.queue import call_off, fail_once, put
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.followup import follow_up_handler
from lyceum.kernel.jobs.handlers import Handlers, HeavyHandler, LightHandler
from lyceum.kernel.jobs.heavy import CHILD_BYTES_MIN, HeavyRunner
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import Resources
from make.accounts import Member

pytestmark = pytest.mark.usefixtures("children_import_tests")

GIBIBYTE = 1024**3
MEMORY_MAX = 400 * 1024**2


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = children_of(os.getpid())
    yield
    assert children_of(os.getpid()) <= before


def _with_settings(resources: Resources, **settings: object) -> Resources:
    return replace(resources, settings=resources.settings.model_copy(update=settings))


async def _run(
    resources: Resources, database: TestDatabase, member: Member, heard: Heard, args: Heavy
) -> dict[str, Any]:
    """Run one job to its end and return its row."""
    job_id = await put(resources, member, args)
    async with running_worker(resources, heavy_handler(heard, type(args)), light_slots=1, heavy_slots=1) as worker:
        worker.lanes.runners["heavy"].memory_bytes_max = MEMORY_MAX
        await eventually(lambda: job_row(database, job_id)["state"] in {"done", "dead", "cancelled"})
    return job_row(database, job_id)


async def test_a_childs_output_and_events_reach_the_handler(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    heard = Heard()
    row = await _run(resources, database, member, heard, Heavy(what="echo"))
    assert row["state"] == "done"
    assert heard.answers == [Answer(text="done", content=b"\x00\xff")]
    assert heard.events == [{"fraction": 0.5}]


async def test_a_child_knows_no_secret_of_the_hub(
    resources: Resources, database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "SECRET_KEY", "VALKEY_URL", "OTLP_HEADERS")
    for name in (*secrets, "SENTRY_DSN", "HOME"):
        monkeypatch.setenv(f"LYCEUM_{name}", "x")
    await _run(resources, database, member, heard := Heard(), Heavy(what="environment"))
    assert [answer.text for answer in heard.answers] == ["LYCEUM_HOME"]


async def test_what_an_unforeseen_error_in_the_child_says_is_for_the_log_alone(
    resources: Resources, database: TestDatabase, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    row = await _run(resources, database, member, Heard(), HeavyOnce(what="fail"))
    assert row["state"] == "dead"
    assert row["error"]["code"] == "job_failed"
    assert row["error"]["detail"] == "RuntimeError: the hub's log has the cause."
    assert "the library broke" not in str(row["error"])
    assert any("the library broke" in record.__dict__.get("trace", "") for record in caplog.records)


async def test_what_the_child_refuses_is_not_tried_again(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    row = await _run(resources, database, member, Heard(), Heavy(what="refuse"))
    assert (row["state"], row["attempt"]) == ("dead", 1)
    assert row["error"]["code"] == "senseless"
    assert row["error"]["detail"] == "The table has no rows."


async def test_what_keeps_the_child_from_its_work_for_now_is_tried_again(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Heavy(what="find_the_disk_full"))
    async with running_worker(resources, heavy_handler(Heard()), heavy_slots=1):
        row = await eventually(lambda: (r := job_row(database, job_id))["error"] and r)
    assert (row["state"], row["attempt"]) == ("scheduled", 1)
    assert row["error"]["code"] == "no_space"
    assert row["error"]["detail"] == "The disk is full; free some space."
    rows_of(database, "DELETE FROM jobs WHERE id = %s", job_id)


@pytest.mark.parametrize("what, named", [("abort", "signal SIGABRT"), ("exit", "exit code 200")])
async def test_a_crash_of_the_interpreter_is_named(
    resources: Resources, database: TestDatabase, member: Member, what: str, named: str
) -> None:
    row = await _run(resources, database, member, Heard(), HeavyOnce(what=what))
    assert row["state"] == "dead"
    assert row["error"]["detail"] == f"The process of this job ended unexpectedly ({named})."


async def test_a_crashed_job_is_tried_again(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    heard, tried = Heard(), str(tmp_path / "tried")
    row = await _run(resources, database, member, heard, Heavy(what="abort_once", path=tried))
    assert (row["state"], row["attempt"]) == ("done", 2)
    assert heard.answers == [Answer(text="second")]


@pytest.mark.parametrize("where", ["hog", "hog_in_grandchild"])
async def test_a_child_that_holds_too_much_memory_is_ended_and_told_why(
    resources: Resources, database: TestDatabase, member: Member, where: str
) -> None:
    heard = Heard()
    job_id = await put(resources, member, Heavy(what=where))
    small = _with_settings(resources, worker_heavy_memory_bytes_max=MEMORY_MAX)
    async with running_worker(small, heavy_handler(heard), heavy_slots=1):
        await eventually(lambda: job_row(database, job_id)["state"] == "dead")
    row = job_row(database, job_id)
    assert row["attempt"] == 1
    assert row["error"]["code"] == "out_of_memory"
    assert "400 MB" in row["error"]["detail"]
    assert "LYCEUM_WORKER_HEAVY_MEMORY_BYTES_MAX" in row["error"]["detail"]


@pytest.mark.parametrize("what", ["sleep", "sleep_in_native_code", "family"])
async def test_cancelling_ends_a_running_child_and_all_it_started(
    resources: Resources,
    database: TestDatabase,
    member: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.CANCEL_GRACE_SECONDS", 0.02)
    path = tmp_path / "pids"
    heard = Heard()
    heavy = heavy_handler(heard)
    job_id = await put(resources, member, Heavy(what=what, path=str(path)))
    async with running_worker(resources, heavy, follow_up_handler(Handlers.of([heavy])), heavy_slots=1):
        await eventually(path.exists)
        pids = path.read_text().split()
        assert (await call_off(resources, member, job_id)).cancel_requested
        await eventually(lambda: job_row(database, job_id)["state"] == "cancelled")
        await eventually(lambda: (what, "cancelled") in heard.gave_up)
        assert not still_there(pids)
    assert heard.answers == []


@pytest.mark.parametrize("kind", [Heavy, Short])
async def test_a_child_that_takes_longer_than_its_kind_may_is_ended(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path, kind: type[Heavy]
) -> None:
    job_id = await put(resources, member, kind(what="sleep", path=str(tmp_path / "pids")), seconds_max=1)
    rows_of(database, "UPDATE jobs SET attempts_max = 1 WHERE id = %s", job_id)
    async with running_worker(resources, heavy_handler(Heard(), kind), heavy_slots=1) as worker:
        await eventually(lambda: job_row(database, job_id)["state"] == "dead")
        assert worker.lanes.runners[kind.lane]._children == {}
    assert job_row(database, job_id)["error"]["code"] == "job_took_too_long"


async def test_a_child_that_is_asked_may_stop_by_itself(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.CANCEL_GRACE_SECONDS", 60.0)
    path = tmp_path / "pids"
    job_id = await put(resources, member, Heavy(what="sleep_politely", path=str(path)))
    async with running_worker(resources, heavy_handler(Heard()), heavy_slots=1):
        await eventually(path.exists)
        await call_off(resources, member, job_id)
        await eventually(lambda: job_row(database, job_id)["state"] == "cancelled")
    assert path.with_suffix(".polite").exists()


async def test_what_a_finished_child_leaves_behind_is_ended(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    row = await _run(resources, database, member, Heard(), Heavy(what="orphans", path=str(path)))
    assert row["state"] == "done"
    assert not still_there(path.read_text().split())


async def test_a_stopping_worker_gives_its_heavy_job_back_uncharged(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    heard = Heard()
    job_id = await put(resources, member, HeavyOnce(what="sleep", path=str(path)))
    async with running_worker(resources, heavy_handler(heard, HeavyOnce), heavy_slots=1):
        await eventually(path.exists)
    row = job_row(database, job_id)
    assert (row["state"], row["attempt"], row["worker_id"]) == ("ready", 1, None)
    assert row["attempts_max"] - row["attempt"] == 1
    rows_of(database, "DELETE FROM jobs WHERE id = %s", job_id)


async def test_a_spare_child_that_died_is_replaced(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    heard = Heard()
    async with running_worker(resources, heavy_handler(heard), heavy_slots=1) as worker:
        spare = await eventually(lambda: worker.lanes.runners["heavy"]._spare)
        spare.guard.kill()
        await spare.guard.wait()
        job_id = await put(resources, member, Heavy())
        await eventually(lambda: job_row(database, job_id)["state"] == "done")


def _importing(heard: Heard, folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> HeavyHandler:
    """Return a handler of `HeavyOnce` whose children run this code when they import what they need."""
    (folder / "imported_by_children.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{IMPORT_TESTS}:{folder}")
    return replace(heavy_handler(heard, HeavyOnce), preload=("imported_by_children",))


async def test_a_child_that_holds_too_much_memory_before_it_begins_is_told_as_that_and_not_started_for_ever(
    resources: Resources,
    database: TestDatabase,
    member: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.SPARE_RETRY_SECONDS", 0.0)
    hogging = _importing(Heard(), tmp_path, "import time; held = bytearray(100 << 20); time.sleep(600)", monkeypatch)
    small = _with_settings(resources, worker_heavy_memory_bytes_max=80 * 1024**2)

    def said() -> list[str]:
        return [record.__dict__["cause"] for record in caplog.records if "no spare child" in record.message]

    async with running_worker(small, hogging, heavy_slots=1):
        await eventually(said)
        job_id = await put(resources, member, HeavyOnce())
        row = await eventually(lambda: (r := job_row(database, job_id))["state"] == "dead" and r)
    assert row["error"]["code"] == "out_of_memory"
    assert row["error"]["detail"] == (
        "The process for this job held more than 80 MB of memory before it had begun: "
        "raise LYCEUM_WORKER_HEAVY_MEMORY_BYTES_MAX."
    )
    assert set(said()) == {row["error"]["detail"]}
    assert len(said()) <= 2, "once at the start, once after the job"


async def test_a_worker_that_stops_as_its_spare_child_ends_stops_keeping_one(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = HeavyRunner(preload=(), at_once=1, memory_bytes_max=MEMORY_MAX)
    keeping = asyncio.create_task(runner.keep_spare())
    ends: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reads = asyncio.Event()

    async def read(_child: object) -> None:
        reads.set()
        await ends

    monkeypatch.setattr("lyceum.kernel.jobs.children.Child.read", read)
    await reads.wait()
    ends.set_result(None)
    keeping.cancel()
    await asyncio.wait([keeping], timeout=20)
    assert keeping.cancelled()


async def test_a_child_that_ends_before_it_begins_is_told_with_how_it_ended(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = _importing(Heard(), tmp_path, "import os; os._exit(7)", monkeypatch)
    async with running_worker(resources, ending, heavy_slots=1):
        job_id = await put(resources, member, HeavyOnce())
        row = await eventually(lambda: (r := job_row(database, job_id))["state"] == "dead" and r)
    assert row["error"]["code"] == "job_failed"
    assert row["error"]["detail"] == (
        "A child process could not start (exit code 7); what it said is in the worker's log."
    )


async def test_short_computing_waits_its_turn_uncharged_and_takes_no_light_slot(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.lanes.SHORT_CHILDREN_MAX", 1)
    heard, path = Heard(), tmp_path / "pids"
    first = await put(resources, member, Short(what="slowly", path=str(path)))
    second = await put(resources, member, Short())
    async with running_worker(resources, heavy_handler(heard, Short), *light_handlers(heard), light_slots=1):
        await eventually(path.exists)
        light = await put(resources, member, Light())
        await eventually(lambda: job_row(database, light)["state"] == "done")
        row = job_row(database, second)
        assert (row["state"], row["worker_id"], row["attempt"]) == ("ready", None, 0)
        path.with_suffix(".go").touch()
        await eventually(lambda: {job_row(database, job)["state"] for job in (first, second)} == {"done"})


async def test_a_computing_job_that_came_in_as_a_light_one_is_charged_only_when_there_is_room(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of the release before knows no short jobs."""
    monkeypatch.setattr("lyceum.kernel.jobs.lanes.SHORT_CHILDREN_MAX", 1)
    path = tmp_path / "pids"
    first = await put(resources, member, Short(what="slowly", path=str(path)))
    async with running_worker(resources, heavy_handler(Heard(), Short)):
        await eventually(path.exists)
        second = new_id()
        insert = "INSERT INTO jobs (id, org_id, kind, args) VALUES (%s, %s, 'test.short', '{}')"
        rows_of(database, insert, second, member.org_id)
        row = await eventually(lambda: (r := job_row(database, second))["state"] == "claimed" and r)
        assert (row["attempt"], row["started_at"]) == (0, None)
        path.with_suffix(".go").touch()
        await eventually(lambda: {job_row(database, job)["state"] for job in (first, second)} == {"done"})
    assert job_row(database, second)["attempt"] == 1


async def test_a_deadlock_at_the_end_costs_nothing_that_was_computed(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    fail_once(fresh_database, "NEW.state = 'done'", sqlstate="40P01")
    heard = Heard()
    job_id = await put(fresh_resources, fresh_member, Heavy())
    async with running_worker(fresh_resources, heavy_handler(heard), heavy_slots=1):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    assert heard.ran == [("echo", 1)]
    assert len(heard.answers) == 2


@pytest.mark.parametrize(
    "gibibytes, workers, trainings, short",
    [
        (32, 1, (2, 8 * GIBIBYTE), (2, 4 * GIBIBYTE)),
        (32, 2, (2, 4 * GIBIBYTE), (2, 2 * GIBIBYTE)),
        (8, 1, (2, 2 * GIBIBYTE), (2, GIBIBYTE)),
        (4, 1, (2, GIBIBYTE), (1, GIBIBYTE)),
        (4, 2, (1, GIBIBYTE), (1, CHILD_BYTES_MIN["short"])),
        (1, 1, (1, CHILD_BYTES_MIN["heavy"]), (1, CHILD_BYTES_MIN["short"])),
    ],
)
def test_children_share_the_memory_and_fewer_run_where_it_is_small(
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
    gibibytes: int,
    workers: int,
    trainings: tuple[int, int],
    short: tuple[int, int],
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.memory_bytes", lambda: gibibytes * GIBIBYTE)
    contained = _with_settings(resources, worker_processes=workers)
    handlers = Handlers.of([heavy_handler(Heard()), heavy_handler(Heard(), Short)])
    worker = Worker(resources=contained, handlers=handlers, light_slots=1, heavy_slots=2, lease_seconds=15)
    runners = [worker.lanes.runners[lane] for lane in ("heavy", "short")]
    assert [(runner.at_once, runner.memory_bytes_max) for runner in runners] == [trainings, short]


async def test_a_worker_claims_no_more_than_the_memory_lets_run_at_once(
    fresh_resources: Resources,
    fresh_database: TestDatabase,
    fresh_member: Member,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.memory_bytes", lambda: GIBIBYTE)
    path = tmp_path / "pids"
    jobs = [await put(fresh_resources, fresh_member, Heavy(what="slowly", path=str(path))) for _ in range(2)]
    async with running_worker(fresh_resources, heavy_handler(Heard()), heavy_slots=2):
        await eventually(path.exists)
        assert sorted(job_row(fresh_database, job)["state"] for job in jobs) == ["ready", "running"]
        path.with_suffix(".go").touch()
        await eventually(lambda: {job_row(fresh_database, job)["state"] for job in jobs} == {"done"})


def test_a_limit_that_was_set_leaves_as_many_children_as_there_are_slots(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.memory_bytes", lambda: GIBIBYTE)
    limited = _with_settings(resources, worker_heavy_memory_bytes_max=MEMORY_MAX)
    handlers = Handlers.of([heavy_handler(Heard())])
    worker = Worker(resources=limited, handlers=handlers, light_slots=1, heavy_slots=2, lease_seconds=15)
    assert (worker.lanes.runners["heavy"].at_once, worker.lanes.runners["heavy"].memory_bytes_max) == (2, MEMORY_MAX)


def test_a_handler_says_where_its_jobs_compute() -> None:
    for wrong in (LightHandler(args_type=Heavy, run=AsyncMock()), replace(heavy_handler(Heard()), args_type=Light)):
        with pytest.raises(ValueError, match="heavy or short"):
            Handlers.of([wrong])
