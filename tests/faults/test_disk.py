"""A disk that is full for a while: what was acknowledged stays, and work goes on when there is room again."""

import asyncio
import contextlib
import mmap
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fixtures.app import settings_for
from fixtures.commands import up
from fixtures.disks import disk_at
from fixtures.hub_load import load_of_hub, nothing_is_lost
from fixtures.hubs import HubProcess, StartHub, folder, short_folder, start_hub
from fixtures.servers import OwnServers, servers_started_in
from fixtures.storm import load_of, workers_of
from lyceum.hub.control import ask_hub
from lyceum.hub.credentials import load_credentials
from lyceum.hub.folders import folders_of
from lyceum.hub.postgres import ADMIN_ROLE, APP_ROLE
from lyceum.kernel import migrate
from lyceum_client import Client, LyceumError

__all__ = ["folder", "start_hub"]

WORKERS = 2
LOG_FULL_SHARE = 0.7
SEGMENTS_AHEAD_MAX = 8
DISK_MEGABYTES = 512
REFUSED = {
    503: "cannot be reached just now; try again in a moment.",
    507: "free some space or move LYCEUM_HOME to a larger disk.",
}
"""How the refusals of a hub without room end, by their status."""


@pytest.fixture
def disk_of_servers() -> Iterator[Path]:
    """A disk of half a gigabyte, whose path is short enough for sockets."""
    with short_folder() as place, disk_at(place, megabytes=DISK_MEGABYTES):
        yield place


@pytest.mark.parametrize(
    "times",
    [pytest.param(1, marks=pytest.mark.deep), pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
async def test_jobs_outlive_a_full_disk(
    disk_of_servers: Path, tmp_path: Path, times: int, *, through_pooler: bool
) -> None:
    with servers_started_in(disk_of_servers, through_pooler=through_pooler) as servers:
        database = servers.database
        migrate.upgrade(database.owner_url, app_role=APP_ROLE)
        settings = settings_for(database, tmp_path, valkey_url=servers.valkey.url)
        with workers_of(settings) as workers:
            for _ in range(WORKERS):
                workers.start()
            async with load_of(database, tmp_path) as load:
                for _ in range(times):
                    await asyncio.sleep(random.uniform(0.0, 1.5))
                    await _fill_for_a_while(disk_of_servers, servers)
                    await load.more()


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(1, marks=[pytest.mark.deep, pytest.mark.timeout(600)]),
        pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_a_hub_outlives_a_full_disk(disk_of_servers: Path, start_hub: StartHub, tmp_path: Path, times: int) -> None:
    unlimited = {"LYCEUM_USER_READS_PER_MINUTE": "0", "LYCEUM_USER_WRITES_PER_MINUTE": "0"}
    hub = up(start_hub, disk_of_servers / "home", LYCEUM_JOB_LEASE_SECONDS="3", **unlimited)
    with Client(hub.status()["url"], ask_hub(hub.home, "admin-key")["key"]) as client:
        with load_of_hub(hub, client, tmp_path / "storm.csv") as load:
            for _ in range(times):
                time.sleep(random.uniform(0.0, 1.5))
                before = list(load.versions)
                with _full(disk_of_servers):
                    if random.random() < LOG_FULL_SHARE:
                        _use_up_the_log(hub)
                    with pytest.raises(LyceumError) as refused:
                        load.send_table()
                    load.refusals.append(refused.value)
                    time.sleep(random.uniform(0.0, 4.0))
                load.wait_until_healed(hub, before)
        nothing_is_lost(load, hub)
    answered = [said for said in load.refusals if said.status is not None]
    assert [said for said in answered if not str(said).endswith(REFUSED.get(said.status or 0, "no other"))] == []


def _use_up_the_log(hub: HubProcess) -> None:
    """Have PostgreSQL need room for its log at once, not only when what it has made ahead is written full."""
    folders = folders_of(hub.home)
    password = load_credentials(folders.secrets)[0].admin_password
    with contextlib.suppress(psycopg.Error):
        address = f"postgresql://{ADMIN_ROLE}:{password}@/lyceum?host={folders.sockets}"
        with psycopg.connect(address, autocommit=True) as connection:
            for _ in range(SEGMENTS_AHEAD_MAX):
                connection.execute("SELECT pg_logical_emit_message(false, 'tests', 'fills'), pg_switch_wal()")


async def _fill_for_a_while(disk: Path, servers: OwnServers) -> None:
    """Leave no byte free for some seconds; a server that ended of it is started again, as the supervisor does."""
    with _full(disk):
        await asyncio.sleep(random.uniform(0.5, 4.0))
    assert servers.postgres_process is not None
    if servers.postgres_process.poll() is not None:
        await asyncio.to_thread(servers.start_postgres)


@contextmanager
def _full(disk: Path) -> Iterator[None]:
    """Leave no byte of a disk free."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        at_once = shutil.disk_usage(disk).free
        while free := shutil.disk_usage(disk).free:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), min(at_once, free))
            except OSError:
                # somebody else was faster with a part of it
                at_once = max(at_once // 2, mmap.PAGESIZE)
    try:
        yield
    finally:
        filler.unlink()
