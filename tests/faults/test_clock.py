"""The time of day jumps for one part of a hub, by hours and back: nothing ends sooner for it or later, or runs twice."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fixtures.app import client_at, rows_of, served, settings_for
from fixtures.clocks import Clock, clock_in
from fixtures.hubs import short_folder
from fixtures.servers import OwnServers
from fixtures.staffed import add_version, new_dataset
from fixtures.storm import load_of, workers_of
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from make.accounts import make_member

WORKERS = 3
HOUR_SECONDS = 3600.0
HOURS_MAX = 3.0
SETTLED_SECONDS = 4.0
LONG_LEASE_SECONDS = 60.0
"""Longer than a busy machine may keep a worker from its heartbeat, and far shorter than the jumps."""

TIMES = pytest.mark.parametrize(
    "times",
    [pytest.param(1, marks=pytest.mark.deep), pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A clock for whatever is started with it."""
    with short_folder() as folder:
        yield clock_in(folder)


@TIMES
async def test_jobs_outlive_a_database_whose_clock_is_set(
    own_hub_servers: OwnServers, tmp_path: Path, clock: Clock, times: int
) -> None:
    own_hub_servers.kill_postgres()
    # by a program that runs as the server's account: what the library shares between processes is its first one's
    own_hub_servers.start_postgres("/usr/bin/env", *(f"{name}={value}" for name, value in clock.variables.items()))
    settings = _migrated(own_hub_servers, tmp_path)
    with workers_of(settings) as workers:
        for _ in range(WORKERS):
            workers.start()
        async with load_of(own_hub_servers.database, tmp_path) as load:
            async for _ in _jumps_of(clock, times):
                if random.random() < 0.5:
                    await asyncio.to_thread(workers.end_one, signal.SIGKILL)
                    await asyncio.to_thread(workers.start)
                await load.more()


@TIMES
async def test_a_worker_whose_clock_is_set_keeps_its_leases_and_takes_nobody_elses(
    own_hub_servers: OwnServers, tmp_path: Path, clock: Clock, times: int
) -> None:
    database = own_hub_servers.database
    settings = _migrated(own_hub_servers, tmp_path)
    with workers_of(settings, lease_seconds=LONG_LEASE_SECONDS) as workers:
        workers.start()
        workers.start(**clock.variables)
        async with load_of(database, tmp_path) as load:
            async for _ in _jumps_of(clock, times):
                await load.more()
    # nobody was killed: an attempt more would be that of a lease taken for over
    attempts = rows_of(database, "SELECT DISTINCT attempt FROM jobs WHERE kind LIKE 'test.%%'")
    assert [row["attempt"] for row in attempts] == [1]


@TIMES
async def test_an_api_whose_clock_is_set_still_knows_its_keys_and_keeps_what_it_takes(
    own_hub_servers: OwnServers, tmp_path: Path, clock: Clock, times: int
) -> None:
    database = own_hub_servers.database
    settings = _migrated(own_hub_servers, tmp_path)
    member = make_member(database)
    made: list[str] = []
    with served("lyceum.web", settings, **clock.variables) as api, served("lyceum.worker", settings):
        async with client_at(api.url, key=member.key) as client:
            address = await new_dataset(client)
            before = [await client.post("/api/v1/api-keys", json={"name": "before"}) for _ in range(5)]
            keys = [member.key, *(answer.json()["secret"] for answer in before)]
            async for _ in _jumps_of(clock, times):
                for key in keys:
                    own = {"authorization": f"Bearer {key}"}
                    wanted = {"name": f"after-{len(made)}"}
                    answer = await client.post("/api/v1/datasets", json=wanted, headers=own)
                    assert answer.status_code == 201, answer.text
                    made.append(answer.json()["id"])
                version = await add_version(client, address, "table.csv", b"a,b\n1,2\n3,4\n")
                assert (version["state"], version["row_count"]) == ("accepted", 2), version
    assert set(made) <= {str(row["id"]) for row in rows_of(database, "SELECT id FROM datasets")}
    attempts = rows_of(database, "SELECT DISTINCT attempt FROM jobs WHERE kind = 'data.read_upload'")
    assert [row["attempt"] for row in attempts] == [1]


async def _jumps_of(clock: Clock, times: int) -> AsyncIterator[None]:
    """Have the clock jump so many times, by hours and back again, at random moments; yield after each jump."""
    for _ in range(times):
        for hours in (random.choice((-1, 1)) * random.uniform(1, HOURS_MAX), 0.0):
            await asyncio.sleep(random.uniform(0.5, SETTLED_SECONDS))
            clock.set(hours * HOUR_SECONDS)
            yield


def _migrated(servers: OwnServers, home: Path) -> Settings:
    migrate.upgrade(servers.database.owner_url, app_role=APP_ROLE)
    return settings_for(servers.database, home, valkey_url=servers.valkey.url, job_lease_seconds=LONG_LEASE_SECONDS)
