"""Programs are forked from one process that has imported what they share, before any thread exists."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from fixtures.hubs import wait_until
from fixtures.processes import is_alive, parent_of
from lyceum.hub.errors import HubFailed
from lyceum.hub.forks import SHARED_MODULES, ForkedProcess, ForkRequest, ForkServer

PROGRAMS = Path(__file__).parent / "programs"


async def report_of(forks: ForkServer, **variables: str) -> tuple[dict[str, object], int]:
    """What `reporting.main` says of its process, and its exit code."""
    reading, writing = os.pipe()
    request = ForkRequest(module="reporting", variables=variables, withheld=frozenset({"LYCEUM_WITHHELD"}))
    process = await forks.fork(request, (writing, 2))
    os.close(writing)
    code = await process.wait()
    with os.fdopen(reading) as said:
        return json.load(said), code


async def test_what_is_shared_starts_no_thread_and_is_there_after_the_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS))
    monkeypatch.setenv("LYCEUM_WITHHELD", "secret")
    forks = ForkServer()
    try:
        report, code = await report_of(forks, LYCEUM_GIVEN="value")
    finally:
        forks.close()
    assert code == 0
    assert report["threads"] == 1
    assert report["imported"] == len(SHARED_MODULES)
    assert report["variables"] == {"LYCEUM_GIVEN": "value"}
    assert report["collects_garbage"] is True
    assert report["leads_its_session"] is True


async def test_what_was_forked_dies_with_the_fork_server_and_the_next_fork_starts_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS))
    forks = ForkServer(shared=())
    try:
        reading, writing = os.pipe()
        sleeping = await forks.fork(ForkRequest(module="stubborn"), (2, 2, writing))
        assert os.read(reading, 5) == b"ready"
        os.kill(parent_of(sleeping.pid), signal.SIGKILL)
        async with asyncio.timeout(10):
            assert await sleeping.wait() == -signal.SIGKILL
        wait_until(lambda: not is_alive(sleeping.pid))
        report, _ = await report_of(forks)
        assert report["threads"] == 1
        os.close(reading)
        os.close(writing)
    finally:
        forks.close()


@pytest.mark.parametrize("stopping", [True, False], ids=["stopping", "running"])
async def test_a_program_that_cannot_be_forked_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, *, stopping: bool
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS))
    forks = ForkServer(shared=())
    try:
        reading, writing = os.pipe()
        running = await forks.fork(ForkRequest(module="stubborn"), (2, 2, writing))
        assert os.read(reading, 5) == b"ready"
        if stopping:
            forks.give_up()
        closed = socket.socket()
        closed.close()
        with pytest.raises(HubFailed, match="the hub is stopping" if stopping else "Bad file descriptor"):
            await forks.fork(ForkRequest(module="stubborn"), (2, 2, closed.fileno()))
        assert running.returncode is None
        assert is_alive(running.pid)
        running.send_signal(signal.SIGKILL)
        async with asyncio.timeout(10):
            assert await running.wait() == -signal.SIGKILL
        os.close(reading)
        os.close(writing)
    finally:
        forks.close()


async def test_a_module_that_cannot_be_shared_is_named() -> None:
    forks = ForkServer(shared=("no_such_module",))
    try:
        with pytest.raises(HubFailed, match="No module named 'no_such_module'"):
            await forks.fork(ForkRequest(module="json"), (2, 2))
    finally:
        forks.close()


def test_a_signal_for_a_process_that_was_just_reaped_is_no_error() -> None:
    gone = subprocess.Popen(("/bin/true",))
    gone.wait()
    ForkedProcess(gone.pid).send_signal(signal.SIGKILL)
