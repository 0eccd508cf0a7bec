"""Heavy jobs: computed in a child of their own, which ends with its worker and leaves nothing behind."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.computing import Answer
from fixtures.job_kinds import Heard, Heavy, HeavyOnce, heavy_handler
from fixtures.servers import REPOSITORY, TestDatabase
from lyceum.kernel.jobs.followup import follow_up_handler
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.queue import cancel, enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

MEMORY_MAX = 400 * 1024**2


@pytest.fixture(autouse=True)
def _children_import_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"))


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = _children_of(os.getpid())
    yield
    assert _children_of(os.getpid()) <= before


def _alive(pids: list[str]) -> list[str]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _children_of(pid: int) -> set[str]:
    return {word for task in Path(f"/proc/{pid}/task").glob("*/children") for word in task.read_text().split()}


async def _put(resources: Resources, member: Member, args: Heavy) -> UUID:
    async with transaction(resources.database, member.scope) as tx:
        return await enqueue(tx, args)


async def _run(
    resources: Resources, database: TestDatabase, member: Member, heard: Heard, args: Heavy
) -> dict[str, Any]:
    """Run one job to its end and return its row."""
    job_id = await _put(resources, member, args)
    async with running_worker(resources, heavy_handler(heard, type(args)), light_slots=1, heavy_slots=1) as worker:
        worker._runners[True].memory_bytes_max = MEMORY_MAX
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
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "SECRET_KEY", "VALKEY_URL", "HOME"):
        monkeypatch.setenv(f"LYCEUM_{name}", "x")
    heard = Heard()
    await _run(resources, database, member, heard, Heavy(what="environment"))
    assert [answer.text for answer in heard.answers] == ["LYCEUM_HOME"]


async def test_an_error_in_the_child_is_told_without_its_trace(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    row = await _run(resources, database, member, Heard(), HeavyOnce(what="fail"))
    assert row["state"] == "dead"
    assert row["error"]["code"] == "job_failed"
    assert row["error"]["detail"] == "the library broke"


async def test_what_the_child_refuses_is_not_tried_again(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    row = await _run(resources, database, member, Heard(), Heavy(what="refuse"))
    assert (row["state"], row["attempt"]) == ("dead", 1)
    assert row["error"]["code"] == "senseless"
    assert row["error"]["detail"] == "The table has no rows."


async def test_a_crash_of_the_interpreter_is_named(
    resources: Resources, database: TestDatabase, member: Member
) -> None:
    row = await _run(resources, database, member, Heard(), HeavyOnce(what="abort"))
    assert row["state"] == "dead"
    assert row["error"]["detail"] == "The process of this job ended unexpectedly (signal SIGABRT)."


async def test_a_crashed_job_is_tried_again(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    heard = Heard()
    row = await _run(resources, database, member, heard, Heavy(what="abort_once", path=str(tmp_path / "tried")))
    assert (row["state"], row["attempt"]) == ("done", 2)
    assert heard.answers == [Answer(text="second")]


@pytest.mark.parametrize("where", ["hog", "hog_in_grandchild"])
async def test_a_child_that_holds_too_much_memory_is_ended_and_told_why(
    resources: Resources, database: TestDatabase, member: Member, where: str
) -> None:
    heard = Heard()
    job_id = await _put(resources, member, Heavy(what=where))
    settings = resources.settings.model_copy(update={"worker_heavy_memory_bytes_max": MEMORY_MAX})
    small = Resources(settings, resources.database, resources.storage, resources.valkey, resources.signer)
    async with running_worker(small, heavy_handler(heard), heavy_slots=1):
        await eventually(lambda: job_row(database, job_id)["state"] == "dead")
    row = job_row(database, job_id)
    assert row["attempt"] == 1
    assert row["error"]["code"] == "out_of_memory"
    assert "400 MB" in row["error"]["detail"]
    assert "LYCEUM_WORKER_HEAVY_MEMORY_BYTES_MAX" in row["error"]["detail"]


@pytest.mark.parametrize("what", ["sleep", "sleep_in_native_code", "family"])
async def test_cancelling_ends_a_running_child_and_all_it_started_within_a_second(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "pids"
    heard = Heard()
    heavy = heavy_handler(heard)
    job_id = await _put(resources, member, Heavy(what=what, path=str(path)))
    async with running_worker(resources, heavy, follow_up_handler(Handlers.of([heavy])), heavy_slots=1):
        await eventually(path.exists)
        pids = path.read_text().split()
        asked = time.monotonic()
        async with transaction(resources.database, member.scope) as tx:
            assert (await cancel(tx, job_id)).cancel_requested
        await eventually(lambda: job_row(database, job_id)["state"] == "cancelled")
        took = time.monotonic() - asked
        await eventually(lambda: heard.gave_up)
        assert not _alive(pids)
    assert took < 1.0
    assert heard.gave_up == [(what, "cancelled")]
    assert heard.answers == []


async def test_a_child_that_is_asked_may_stop_by_itself(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    job_id = await _put(resources, member, Heavy(what="sleep_politely", path=str(path)))
    async with running_worker(resources, heavy_handler(Heard()), heavy_slots=1):
        await eventually(path.exists)
        async with transaction(resources.database, member.scope) as tx:
            await cancel(tx, job_id)
        await eventually(lambda: job_row(database, job_id)["state"] == "cancelled")
    assert path.with_suffix(".polite").exists()


async def test_what_a_finished_child_leaves_behind_is_ended(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    row = await _run(resources, database, member, Heard(), Heavy(what="orphans", path=str(path)))
    assert row["state"] == "done"
    assert not _alive(path.read_text().split())


async def test_a_stopping_worker_gives_its_heavy_job_back_uncharged(
    resources: Resources, database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    heard = Heard()
    job_id = await _put(resources, member, HeavyOnce(what="sleep", path=str(path)))
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
        spare = await eventually(lambda: worker._runners[True]._spare)
        spare.guard.kill()
        await spare.guard.wait()
        job_id = await _put(resources, member, Heavy())
        await eventually(lambda: job_row(database, job_id)["state"] == "done")
