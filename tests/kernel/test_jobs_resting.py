"""A child of short computing goes on with the next job of its organisation, and of no other."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.app import eventually, job_row, running_worker
from fixtures.job_kinds import Heard, Heavy, Short, heavy_handler
from fixtures.processes import children_of, is_alive, still_there
from fixtures.queue import call_off, put
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import Resources
from make.accounts import Member

pytestmark = pytest.mark.usefixtures("children_import_tests")


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = children_of(os.getpid())
    yield
    assert children_of(os.getpid()) <= before


class Hub:
    """A worker whose jobs are put one after the other, and what their children answered."""

    def __init__(self, resources: Resources, database: TestDatabase) -> None:
        self.resources, self.database, self.heard = resources, database, Heard()

    async def state_of(self, member: Member, what: str, kind: type[Heavy] = Short) -> str:
        """Run a job to its end and return its state."""
        job_id = await put(self.resources, member, kind(what=what))
        ended = {"done", "dead", "cancelled"}
        row = await eventually(lambda: (r := job_row(self.database, job_id))["state"] in ended and r)
        return str(row["state"])

    async def answer(self, member: Member, what: str = "pid", kind: type[Heavy] = Short) -> str:
        """Run a job to its end and return what its child said."""
        assert await self.state_of(member, what, kind) == "done"
        return self.heard.answers[-1].text


@pytest.fixture
def hub(resources: Resources, database: TestDatabase) -> Hub:
    """A hub whose worker does not run yet."""
    return Hub(resources, database)


def _resting(worker: Worker) -> int:
    return len(worker.lanes.runners["short"]._resting._rests)


async def test_short_jobs_of_one_organisation_have_one_child_and_those_of_another_have_another(
    hub: Hub, member: Member, stranger: Member
) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)):
        pids = [await hub.answer(who) for who in (member, member, stranger, stranger, member)]
    assert pids[0] == pids[1] == pids[4]
    assert pids[2] == pids[3] != pids[0]


async def test_each_job_of_a_child_logs_as_itself(hub: Hub, member: Member) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)):
        (pid, first), (same, second) = [(await hub.answer(member, "pid_and_context")).split() for _ in range(2)]
    assert (pid == same, first == second) == (True, False)


async def test_a_training_has_a_child_of_its_own(hub: Hub, member: Member) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard), heavy_slots=1):
        assert await hub.answer(member, kind=Heavy) != await hub.answer(member, kind=Heavy)


@pytest.mark.parametrize("what", ["pid_and_thread", "pid_and_memory", "pid_and_process"])
async def test_a_child_in_which_a_job_leaves_something_behind_computes_no_other(
    hub: Hub, member: Member, what: str
) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)):
        first = await hub.answer(member, what)
        assert await hub.answer(member) != first
        assert not still_there([first])


@pytest.mark.parametrize("what", ["refuse", "abort_once"])
async def test_a_child_that_did_not_end_well_computes_no_other(
    hub: Hub, member: Member, tmp_path: Path, what: str
) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)) as worker:
        first = await hub.answer(member)
        job_id = await put(hub.resources, member, Short(what=what, path=str(tmp_path / "tried")))
        await eventually(lambda: job_row(hub.database, job_id)["state"] in {"dead", "done"})
        assert await hub.answer(member) != first
        assert _resting(worker) == 1


async def test_a_child_rests_for_so_long_and_ends(hub: Hub, member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.lanes.REST_SECONDS_MAX", {"short": 0.05})
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)) as worker:
        pid = await hub.answer(member)
        await eventually(lambda: not still_there([pid]))
        assert _resting(worker) == 0
        assert await hub.answer(member) != pid


async def test_children_that_rest_and_compute_are_no_more_than_may_compute(
    hub: Hub, member: Member, stranger: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.lanes.SHORT_CHILDREN_MAX", 1)
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)):
        first, second = await hub.answer(member), await hub.answer(stranger)
        await eventually(lambda: not still_there([first]))
        assert not still_there([first])
        assert is_alive(int(second))


async def test_a_child_that_was_killed_while_it_rested_costs_the_next_job_nothing(hub: Hub, member: Member) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)) as worker:
        pid = await hub.answer(member)
        os.kill(int(pid), signal.SIGKILL)
        [rest] = worker.lanes.runners["short"]._resting._rests
        await rest.child.guard.wait()
        assert await hub.answer(member) != pid
        assert hub.heard.ran == [("pid", 1), ("pid", 1)]


async def test_a_job_in_a_child_that_has_computed_before_is_called_off_as_any_other(
    hub: Hub, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.heavy.CANCEL_GRACE_SECONDS", 0.02)
    path = tmp_path / "pids"
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)):
        pid = await hub.answer(member)
        job_id = await put(hub.resources, member, Short(what="sleep", path=str(path)))
        await eventually(path.exists)
        assert path.read_text().split()[0] == pid
        await call_off(hub.resources, member, job_id)
        await eventually(lambda: job_row(hub.database, job_id)["state"] == "cancelled")
        await eventually(lambda: not still_there([pid]))


async def test_a_child_told_to_stand_still_as_it_finished_rests_not(
    hub: Hub, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_worker(hub.resources, heavy_handler(hub.heard, Short)) as worker:
        runner = worker.lanes.runners["short"]
        outcome: Callable[..., object] = runner._outcome

        async def paused_at_last(*asked: object) -> object:
            ended = await outcome(*asked)  # type: ignore[misc]
            [attempt] = runner._children
            runner.pause(attempt)
            return ended

        monkeypatch.setattr(type(runner), "_outcome", lambda _runner, *asked: paused_at_last(*asked))
        first = await hub.answer(member)
        assert _resting(worker) == 0
        monkeypatch.undo()
        assert await hub.answer(member) != first


def test_a_child_that_is_hung_up_on_while_it_rests_ends_without_a_word() -> None:
    ours, theirs = socket.socketpair()
    program = f"from lyceum.kernel.jobs.child import serve; serve({theirs.fileno()}, [])"
    with ours, theirs:
        child = subprocess.Popen(
            (sys.executable, "-W", "default", "-c", program), pass_fds=[theirs.fileno()], stderr=subprocess.PIPE
        )
        theirs.close()
        assert ours.recv(100)
        ours.close()
        assert child.communicate()[1] == b""
    assert child.returncode == 0
