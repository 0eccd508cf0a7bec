"""A light job whose worker died: it runs again alone, below a guard, and takes nobody with it."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.app import environment_of, eventually, job_row, rows_of, running_worker, started_when_ready
from fixtures.job_kinds import Heard, Light, light_handlers
from fixtures.own_database import member, resources
from fixtures.processes import still_there
from fixtures.queue import call_off, let_leases_run_out, put, reap, worker_on
from fixtures.servers import TestDatabase, kill
from lyceum.kernel.jobs.claims import Attempt
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import log_context
from make.accounts import Member

__all__ = ["member", "resources"]

PROGRAMS = Path(__file__).parent / "programs"
MEMORY_MAX = 400 * 1024**2


async def _lose_the_worker_of(
    resources: Resources, database: TestDatabase, member: Member, note: str, **options: Any
) -> Any:
    job_id = await put(resources, member, Light(note=note), **options)
    worker = worker_on(resources.database)
    await worker.claim("light", 1)
    await worker.start([Attempt(job_id, 1)])
    let_leases_run_out(database)
    reap(database)
    return job_id


@pytest.fixture
def solo_program(monkeypatch: pytest.MonkeyPatch, resources: Resources) -> None:
    """Have processes for one attempt know the kinds of the tests."""
    monkeypatch.setattr("lyceum.kernel.jobs.solo.PROGRAM", (str(PROGRAMS / "solo.py"),))
    for name, value in environment_of(resources.settings).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("solo_program")
async def test_a_job_whose_worker_died_runs_again_in_a_process_of_its_own(
    resources: Resources, fresh_database: TestDatabase, member: Member, capfd: pytest.CaptureFixture[str]
) -> None:
    request = log_context.set({"request_id": "first-request"})
    job_id = await _lose_the_worker_of(resources, fresh_database, member, "where")
    log_context.reset(request)
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    row = job_row(fresh_database, job_id)
    assert heard.ran == []
    assert row["result"]["pid"] not in {None, os.getpid()}
    assert row["attempt"] == 2
    (said,) = [line for line in map(json.loads, capfd.readouterr().err.splitlines()) if line["message"] == "alone"]
    assert (said["request_id"], said["job_id"], said["attempt"]) == ("first-request", str(job_id), 2)
    assert (said["process"], said["org_id"]) == ("solo", str(member.org_id))


@pytest.mark.usefixtures("solo_program")
async def test_a_job_that_kills_its_process_harms_no_neighbour_and_is_dead_in_the_end(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.attempts.BACKOFF_SECONDS_MAX", 0.0)
    poison = await _lose_the_worker_of(resources, fresh_database, member, "die")
    rows_of(fresh_database, "UPDATE jobs SET attempts_max = 3 WHERE id = %s", poison)
    neighbours = [await put(resources, member, Light(note=str(number))) for number in range(20)]
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, poison)["state"] == "dead")
        done = "SELECT 1 FROM jobs WHERE state = 'done' AND id = ANY (%s)"
        await eventually(lambda: len(rows_of(fresh_database, done, neighbours)) == len(neighbours))
    row = job_row(fresh_database, poison)
    assert row["attempt"] == 3
    assert row["error"]["detail"] == f"The process of this job ended unexpectedly (signal {signal.SIGKILL.name})."
    assert {job_row(fresh_database, job_id)["attempt"] for job_id in neighbours} == {1}


@pytest.mark.usefixtures("solo_program")
async def test_what_a_job_alone_is_told_and_tells_is_the_same(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    refused = await _lose_the_worker_of(resources, fresh_database, member, "refuse")
    failed = await _lose_the_worker_of(resources, fresh_database, member, "fail")
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, refused)["state"] == "dead")
        await eventually(lambda: job_row(fresh_database, failed)["state"] == "scheduled")
    assert job_row(fresh_database, refused)["error"]["code"] == "senseless"
    assert job_row(fresh_database, failed)["error"] == {
        "code": "job_failed",
        "detail": "RuntimeError: the hub's log has the cause.",
    }


@pytest.mark.usefixtures("solo_program")
async def test_what_a_job_alone_prints_does_not_spoil_its_result(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _lose_the_worker_of(resources, fresh_database, member, "print")
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    assert "pid" in job_row(fresh_database, job_id)["result"]


@pytest.mark.usefixtures("solo_program")
async def test_a_job_that_runs_alone_is_called_off(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _lose_the_worker_of(resources, fresh_database, member, "wait")
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "running")
        await call_off(resources, member, job_id)
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "cancelled")


@pytest.mark.usefixtures("solo_program")
async def test_a_job_alone_that_takes_longer_than_it_may_is_ended(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _lose_the_worker_of(resources, fresh_database, member, "wait", seconds_max=1)
    rows_of(fresh_database, "UPDATE jobs SET attempts_max = 2 WHERE id = %s", job_id)
    async with running_worker(resources, *light_handlers(Heard())):
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "dead" and r)
    assert row["error"]["code"] == "job_took_too_long"


@pytest.mark.usefixtures("solo_program")
@pytest.mark.parametrize("where", ["hog", "hog in a child"])
async def test_a_job_alone_that_holds_too_much_memory_is_ended_and_told_why(
    resources: Resources, fresh_database: TestDatabase, member: Member, where: str
) -> None:
    job_id = await _lose_the_worker_of(resources, fresh_database, member, where)
    settings = resources.settings.model_copy(update={"worker_heavy_memory_bytes_max": MEMORY_MAX})
    async with running_worker(replace(resources, settings=settings), *light_handlers(Heard())):
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "dead" and r)
    assert row["attempt"] == 2
    assert row["error"]["code"] == "out_of_memory"
    assert "400 MB" in row["error"]["detail"]


@pytest.mark.usefixtures("solo_program")
async def test_what_a_job_alone_leaves_behind_is_ended(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _lose_the_worker_of(resources, fresh_database, member, "leave a child")
    async with running_worker(resources, *light_handlers(Heard())):
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "done" and r)
    assert not still_there([row["result"]["pid"], row["result"]["child"]])


@pytest.mark.usefixtures("solo_program")
@pytest.mark.parametrize("end", ["called off", "its worker is killed"])
async def test_a_job_alone_ends_with_all_it_has_started(
    resources: Resources, fresh_database: TestDatabase, member: Member, tmp_path: Path, end: str
) -> None:
    path = tmp_path / "pids"
    job_id = await _lose_the_worker_of(resources, fresh_database, member, f"wait with a child {path}")
    worker = started_when_ready((sys.executable, str(PROGRAMS / "worker.py")), environment_of(resources.settings))
    try:
        pids = (await eventually(lambda: path.exists() and path.read_text())).split()
        if end == "called off":
            await call_off(resources, member, job_id)
        else:
            kill(worker, signal.SIGKILL)
        await eventually(lambda: not still_there(pids))
    finally:
        kill(worker, signal.SIGKILL)
