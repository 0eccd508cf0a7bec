"""Faults at random moments while jobs come in and are run: none is lost, none runs twice at once, order is kept."""

import asyncio
import random
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from fixtures.app import settings_for
from fixtures.servers import OwnServers
from fixtures.storm import Workers, load_of, workers_of
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate

WORKERS = 3


@dataclass(frozen=True, slots=True)
class Storm:
    """What is struck, and how."""

    servers: OwnServers
    workers: Workers

    async def kill_a_worker(self) -> None:
        await self._replace_a_worker(signal.SIGKILL)

    async def terminate_a_worker(self) -> None:
        await self._replace_a_worker(signal.SIGTERM)

    async def kill_postgresql(self) -> None:
        self.servers.kill_postgres()
        await asyncio.sleep(random.uniform(0.0, 1.0))
        await asyncio.to_thread(self.servers.start_postgres)

    async def kill_valkey(self) -> None:
        self.servers.kill_valkey()
        await asyncio.sleep(random.uniform(0.0, 1.0))
        await asyncio.to_thread(self.servers.start_valkey)

    async def flush_valkey(self) -> None:
        with redis.Redis.from_url(self.servers.valkey.url) as client:
            client.flushall()

    async def _replace_a_worker(self, number: int) -> None:
        await asyncio.to_thread(self.workers.end_one, number)
        await asyncio.sleep(random.uniform(0.0, 1.0))
        await asyncio.to_thread(self.workers.start)


FAULTS = (
    Storm.kill_a_worker,
    Storm.terminate_a_worker,
    Storm.kill_postgresql,
    Storm.kill_valkey,
    Storm.flush_valkey,
)


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
async def test_jobs_outlive_whatever_is_killed(own_hub_servers: OwnServers, tmp_path: Path, times: int) -> None:
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    with workers_of(settings) as workers:
        for _ in range(WORKERS):
            workers.start()
        async with load_of(database, tmp_path):
            for strike in random.sample(FAULTS * times, len(FAULTS) * times):
                await asyncio.sleep(random.uniform(0.0, 1.5))
                await strike(Storm(own_hub_servers, workers))
