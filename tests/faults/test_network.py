"""A network to PostgreSQL that is down for a while: what one worker cannot vouch for another takes, never both at once."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from fixtures.app import eventually, free_port, rows_of, settings_for
from fixtures.servers import OwnServers, TestDatabase
from fixtures.storm import COMMAND, Workers, load_of, workers_of
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate

BEHIND_A_NETWORK = Path(__file__).with_name("programs") / "behind_a_network.py"
ALONE = ("unshare", "--net", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")))
MAY_HAVE_A_NETWORK = subprocess.run((*ALONE, "true"), capture_output=True, check=False).returncode == 0

pytestmark = pytest.mark.skipif(not MAY_HAVE_A_NETWORK, reason="this machine gives processes no network of their own")


@pytest.mark.parametrize(
    "cuts, seconds",
    [
        pytest.param(1, 8.0, marks=pytest.mark.deep),
        pytest.param(20, 30.0, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_jobs_outlive_a_network_that_is_cut(
    own_hub_servers: OwnServers, tmp_path: Path, cuts: int, seconds: float
) -> None:
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    with workers_of(settings) as workers:
        workers.start()
        far = _start_behind_a_network(workers, database)
        async with load_of(database, tmp_path):
            for _ in range(cuts):
                await _has_work_of_both(database)
                _tell(far, "down")
                await asyncio.sleep(seconds)
                _tell(far, "up")
            await _has_work_of_both(database)


def _start_behind_a_network(workers: Workers, database: TestDatabase) -> "subprocess.Popen[bytes]":
    """Start a worker in a network of its own, where a forwarder is its way to the server's socket."""
    port = free_port()
    here, _, sockets = database.app_url.partition("/lyceum?host=")
    command = (*ALONE, sys.executable, str(BEHIND_A_NETWORK), str(port), f"{sockets}/.s.PGSQL.5432", *COMMAND)
    return workers.start(command, LYCEUM_DATABASE_URL=f"{here}127.0.0.1:{port}/lyceum")


async def _has_work_of_both(database: TestDatabase) -> None:
    """Return when both workers have begun a job from now on."""
    (now,) = rows_of(database, "SELECT clock_timestamp() AS now")
    begun = "SELECT DISTINCT worker_id FROM jobs WHERE started_at > %s AND state = 'running'"
    at_work: set[UUID] = set()

    def both_work() -> bool:
        at_work.update(row["worker_id"] for row in rows_of(database, begun, now["now"]))
        return len(at_work) >= 2

    await eventually(both_work, seconds=60, what="the worker behind the network works")


def _tell(far: "subprocess.Popen[bytes]", word: str) -> None:
    assert far.stdin is not None
    far.stdin.write(f"{word}\n".encode())
    far.stdin.flush()
