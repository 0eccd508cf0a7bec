"""A laptop that is closed and opened again: whatever slept together goes on where it was."""

import contextlib
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from fixtures.app import environment_of, eventually, job_row, rows_of, settings_for, started_when_ready
from fixtures.job_kinds import WROTE, Heavy, Light
from fixtures.processes import children_of, state_of
from fixtures.queue import put
from fixtures.servers import OwnServers, kill
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.resources import open_resources
from make.accounts import make_member

LEASE_SECONDS = 2.0
PROGRAM = Path(__file__).parent / "programs" / "worker.py"


def _tell_all(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and all below it, parents first: what stands still starts nothing that would be missed."""
    # the server's own for a connection may have ended by now
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        for child in children_of(pid):
            _tell_all(child, number)


@pytest.mark.deep
async def test_what_slept_longer_than_a_lease_is_neither_taken_back_nor_charged(
    own_hub_servers: OwnServers, tmp_path: Path
) -> None:
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    rows_of(database, WROTE)
    rows_of(database, f"GRANT ALL ON job_writes TO {APP_ROLE}")
    member, path = make_member(database), tmp_path / "job"
    settings = settings_for(database, tmp_path / "home", job_lease_seconds=LEASE_SECONDS)
    leases = "SELECT 1 FROM jobs WHERE state = 'running' AND lease_until > now()"
    with ExitStack() as ending:
        workers = [started_when_ready((sys.executable, str(PROGRAM)), environment_of(settings)) for _ in range(2)]
        for worker in workers:
            ending.callback(kill, worker, signal.SIGKILL)
        async with open_resources(settings) as resources:
            heavy = await put(resources, member, Heavy(what="slowly", path=str(path)))
            light = await put(resources, member, Light(note="first waits"))
        began = Path(f"{path}.1")
        await eventually(lambda: began.exists() and len(rows_of(database, leases)) == 2)

        postgres = own_hub_servers.postgres_process
        assert postgres is not None
        asleep = [process.pid for process in (*workers, postgres)]
        try:
            for pid in asleep:
                _tell_all(pid, signal.SIGSTOP)
            slept = time.monotonic()
            await eventually(lambda: [state_of(pid) for pid in asleep] == ["T"] * len(asleep))
            await eventually(lambda: time.monotonic() - slept > 2 * LEASE_SECONDS)
        finally:
            for pid in asleep:
                _tell_all(pid, signal.SIGCONT)

        await eventually(lambda: len(rows_of(database, leases)) == 2)
        path.with_suffix(".go").touch()
        await eventually(lambda: job_row(database, heavy)["state"] == "done")
        row = job_row(database, light)
        assert (row["state"], row["attempt"], row["lane"]) == ("running", 1, "light")
        assert job_row(database, heavy)["attempt"] == 1
        notes = rows_of(database, "SELECT attempt, note FROM job_writes ORDER BY note")
        assert [tuple(note.values()) for note in notes] == [(1, "began"), (1, "began"), (1, "result finished")]
