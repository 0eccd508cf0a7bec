"""The disk of PostgreSQL is full for a while: what was acknowledged stays, and work goes on when there is room again."""

import asyncio
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.app import settings_for
from fixtures.disks import disk_at
from fixtures.hubs import short_folder
from fixtures.servers import OwnServers, servers_started_in
from fixtures.storm import load_of, workers_of
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate

WORKERS = 2
DISK_MEGABYTES = 512


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


async def _fill_for_a_while(disk: Path, servers: OwnServers) -> None:
    """Leave no byte free for some seconds; a server that ended of it is started again, as the supervisor does."""
    filler = disk / "filler"
    await asyncio.to_thread(_fill, filler)
    await asyncio.sleep(random.uniform(0.5, 4.0))
    filler.unlink()
    assert servers.postgres_process is not None
    if servers.postgres_process.poll() is not None:
        await asyncio.to_thread(servers.start_postgres)


def _fill(filler: Path) -> None:
    with filler.open("wb") as file:
        while free := shutil.disk_usage(filler.parent).free:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
            except OSError:
                return
