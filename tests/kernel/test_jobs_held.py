"""Leases that cannot be extended: before another worker may take a job over, nothing of it runs here any more."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.job_kinds import Heard, Heavy, Light, heavy_handler
from fixtures.processes import state_of, still_there
from fixtures.queue import put
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.claims import Claims
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

pytestmark = pytest.mark.usefixtures("children_import_tests")

LEASE_SECONDS = 1.5


class Partition:
    """What keeps a worker's beats from arriving, while there is one."""

    def __init__(self) -> None:
        self.is_there = False


class Once(Light, frozen=True, kw_only=True):
    kind = "test.once"
    attempts_max = 1


@pytest.fixture
def partition(monkeypatch: pytest.MonkeyPatch) -> Partition:
    made, beat = Partition(), Claims.beat

    async def beat_if_it_arrives(claims: Claims, held: Any) -> Any:
        if made.is_there:
            raise OSError("no route to host")
        return await beat(claims, held)

    monkeypatch.setattr(Claims, "beat", beat_if_it_arrives)
    return made


def _computing(path: Path) -> list[str]:
    """Return what computes and what that started, without the guard between it and the worker."""
    computing, _guard, started = path.read_text().split()
    return [computing, started]


async def test_what_computes_stands_still_without_its_lease_and_goes_on_with_it(
    fresh_resources: Resources,
    fresh_database: TestDatabase,
    fresh_member: Member,
    tmp_path: Path,
    partition: Partition,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # nobody takes it over meanwhile, as where the database is away for all
    monkeypatch.setattr("lyceum.kernel.jobs.reaper.SILENT_SECONDS", 3600.0)
    path, heard = tmp_path / "pids", Heard()
    job_id = await put(fresh_resources, fresh_member, Heavy(what="slowly_with_a_family", path=str(path)))
    async with running_worker(fresh_resources, heavy_handler(heard), heavy_slots=1, lease_seconds=LEASE_SECONDS):
        await eventually(path.exists)
        pids = _computing(path)
        assert "T" not in [state_of(pid) for pid in pids]
        partition.is_there = True
        await eventually(lambda: [state_of(pid) for pid in pids] == ["T", "T"])
        partition.is_there = False
        await eventually(lambda: "T" not in [state_of(pid) for pid in pids])
        path.with_suffix(".go").touch()
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "done" and r)
    assert row["attempt"] == 1
    assert heard.ran == [("slowly_with_a_family", 1)]


async def test_a_lease_that_a_beat_passed_over_was_not_extended(
    fresh_resources: Resources,
    fresh_database: TestDatabase,
    fresh_member: Member,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.reaper.SILENT_SECONDS", 3600.0)
    path, beside = tmp_path / "pids", tmp_path / "beside"
    locked = await put(fresh_resources, fresh_member, Heavy(what="slowly_with_a_family", path=str(path)))
    await put(fresh_resources, fresh_member, Heavy(what="slowly_with_a_family", path=str(beside)))
    small = fresh_resources.settings.model_copy(update={"worker_heavy_memory_bytes_max": 1024**3})
    shared = replace(fresh_resources, settings=small)
    async with running_worker(shared, heavy_handler(Heard()), heavy_slots=2, lease_seconds=LEASE_SECONDS):
        await eventually(lambda: path.exists() and beside.exists())
        pids = _computing(path)
        async with transaction(fresh_resources.database, fresh_member.scope) as tx:
            await tx.execute(text("SELECT FROM jobs WHERE id = :id FOR UPDATE"), {"id": locked})
            await eventually(lambda: [state_of(pid) for pid in pids] == ["T", "T"])
            await eventually(lambda: "T" not in [state_of(pid) for pid in _computing(beside)])
        await eventually(lambda: "T" not in [state_of(pid) for pid in pids])
        for end in (path, beside):
            end.with_suffix(".go").touch()
        done = "SELECT attempt FROM jobs WHERE state = 'done'"
        await eventually(lambda: rows_of(fresh_database, done) == [{"attempt": 1}, {"attempt": 1}])


async def test_what_stands_still_can_be_called_off(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member, tmp_path: Path, partition: Partition
) -> None:
    path = tmp_path / "pids"
    job_id = await put(fresh_resources, fresh_member, Heavy(what="slowly_with_a_family", path=str(path)))
    async with running_worker(
        fresh_resources, heavy_handler(Heard()), heavy_slots=1, lease_seconds=LEASE_SECONDS
    ) as worker:
        await eventually(path.exists)
        pids = _computing(path)
        partition.is_there = True
        await eventually(lambda: [state_of(pid) for pid in pids] == ["T", "T"])
        worker._stop_job(job_id, "cancel")
        await eventually(lambda: not still_there(pids))
        await eventually(lambda: job_row(fresh_database, job_id)["state"] != "running")


async def test_a_handler_has_stopped_before_its_job_is_taken_over(
    fresh_resources: Resources, fresh_database: TestDatabase, fresh_member: Member, partition: Partition
) -> None:
    states: list[str] = []

    async def wait(run: JobRun, _args: Light) -> None:
        partition.is_there = True
        try:
            await asyncio.Event().wait()
        finally:
            states.append(job_row(fresh_database, run.job_id)["state"])

    job_id = await put(fresh_resources, fresh_member, Once())
    async with running_worker(fresh_resources, LightHandler(args_type=Once, run=wait), lease_seconds=LEASE_SECONDS):
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "dead" and r)
    assert states == ["running"]
    assert row["error"]["code"] == "worker_lost"
