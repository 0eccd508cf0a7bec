"""A network to PostgreSQL that is down for a while: jobs are taken over, requests refused, and after it all goes on."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from fixtures.app import client_at, environment_of, eventually, rows_of, settings_for, started_when_ready
from fixtures.networks import behind_a_network, need_networks, tell
from fixtures.servers import OwnServers, TestDatabase
from fixtures.staffed import until
from fixtures.storm import COMMAND, load_of, workers_of
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.serving import LISTEN_FD
from make.accounts import make_member

WRITERS = 4
REFUSED = "The hub's database cannot be reached just now; try again in a moment."
ANSWERED_SECONDS_MAX = 45.0
"""A lost connection is told within 20 s; then a place in the pool may be waited for, and a connection."""


@pytest.fixture(autouse=True)
def _networks() -> None:
    need_networks()


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
        command, variables = behind_a_network(COMMAND, database)
        far = workers.start(command, **variables)
        async with load_of(database, tmp_path):
            await _has_work_of_both(database)
            for _ in range(cuts):
                await asyncio.sleep(random.uniform(0.0, 3.0))
                tell(far, "down")
                await asyncio.sleep(seconds)
                tell(far, "up")
                await _has_work_of_both(database)


@dataclass(slots=True)
class Writers:
    """Clients of an API that make keys one after the other; what was acknowledged is remembered, and what refused."""

    url: str
    key: str
    acknowledged: list[str] = field(default_factory=list)
    refused: list[httpx.Response] = field(default_factory=list)

    async def write(self) -> None:
        # a request that is not answered in time fails the test
        async with client_at(self.url, key=self.key, timeout=ANSWERED_SECONDS_MAX) as client:
            while True:
                answer = await client.post("/api/v1/api-keys", json={"name": "load"})
                if answer.status_code == 201:
                    self.acknowledged.append(answer.json()["id"])
                else:
                    self.refused.append(answer)
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param(1, marks=pytest.mark.deep),
        pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
async def test_an_api_refuses_while_its_network_is_cut_and_goes_on_by_itself(
    own_hub_servers: OwnServers, tmp_path: Path, cuts: int
) -> None:
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    member = make_member(database)
    with _api_behind_a_network(settings, database) as (far, url):
        writers = Writers(url, member.key)
        async with asyncio.TaskGroup() as group, client_at(url, timeout=ANSWERED_SECONDS_MAX) as anybody:
            writing = [group.create_task(writers.write()) for _ in range(WRITERS)]
            for _ in range(cuts):
                await _more(writers.acknowledged)
                await asyncio.sleep(random.uniform(0.0, 2.0))
                tell(far, "down")
                await until(lambda: anybody.get("/health/ready"), lambda answer: answer.status_code == 503)
                assert (await anybody.get("/health/live")).status_code == 200
                await _more(writers.refused, count=1)
                await asyncio.sleep(random.uniform(0.0, 3.0))
                tell(far, "up")
            await _more(writers.acknowledged)
            await until(lambda: anybody.get("/health/ready"), lambda answer: answer.status_code == 200)
            for task in writing:
                task.cancel()
        assert far.poll() is None
    assert {(answer.status_code, answer.json()["detail"]) for answer in writers.refused} == {(503, REFUSED)}
    assert set(writers.acknowledged) <= {str(row["id"]) for row in rows_of(database, "SELECT id FROM api_keys")}


@contextmanager
def _api_behind_a_network(
    settings: Settings, database: TestDatabase
) -> "Iterator[tuple[subprocess.Popen[bytes], str]]":
    """Run an API that is reached over our network and reaches the database over one of its own."""
    command, variables = behind_a_network((sys.executable, "-m", "lyceum.web"), database)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", settings.port))
        listening.listen()
        variables[LISTEN_FD] = str(listening.fileno())
        environment = environment_of(settings) | variables
        inherits = (listening.fileno(),)
        process = started_when_ready(command, environment, stdin=subprocess.PIPE, leads=True, inherits=inherits)
    assert process.stdin is not None
    try:
        yield process, f"http://127.0.0.1:{settings.port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdin.close()
        process.wait()


async def _has_work_of_both(database: TestDatabase) -> None:
    """Return when both workers have begun a job from now on."""
    (now,) = rows_of(database, "SELECT clock_timestamp() AS now")
    begun = "SELECT DISTINCT worker_id FROM jobs WHERE started_at > %s AND state = 'running'"
    at_work: set[UUID] = set()

    def both_work() -> bool:
        at_work.update(row["worker_id"] for row in rows_of(database, begun, now["now"]))
        return len(at_work) >= 2

    await eventually(both_work, seconds=60, what="the worker behind the network works")


async def _more(counted: "list[str] | list[httpx.Response]", *, count: int = 20) -> None:
    """Return when so many more are counted than when this was called."""
    wanted = len(counted) + count
    await eventually(lambda: len(counted) >= wanted, seconds=2 * ANSWERED_SECONDS_MAX)
