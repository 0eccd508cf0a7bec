"""Faults at random moments while jobs come in and are run: none is lost, none runs twice at once, order is kept."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
import redis
from sqlalchemy.exc import SQLAlchemyError

from fixtures.app import environment_of, eventually, rows_of, settings_for
from fixtures.exclusive import Exclusive, ExclusiveHeavy, overlaps, ran
from fixtures.servers import OwnServers, TestDatabase
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Database, open_database
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

LEASE_SECONDS = 3.0
WORKERS = 3
HEAL_SECONDS_MAX = 90.0
HEAVY_SHARE = 0.04
PROGRAM = Path(__file__).with_name("programs") / "exclusive_worker.py"
KEYS = (None, None, None, "a", "b")


@dataclass(slots=True)
class Workers:
    """Workers as processes of their own, restarted by whoever kills one."""

    environment: dict[str, str]
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def start(self) -> None:
        ready, tell = os.pipe()
        command = (sys.executable, str(PROGRAM))
        environment = self.environment | {"LYCEUM_READY_FD": str(tell)}
        self.processes.append(subprocess.Popen(command, env=environment, pass_fds=(tell,)))
        os.close(tell)
        with os.fdopen(ready, "rb") as told:
            assert told.read() == b"ready\n"

    def end_one(self, number: int) -> None:
        victim = self.processes.pop(random.randrange(len(self.processes)))
        victim.send_signal(number)
        victim.wait(60)

    def end_all(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@dataclass(slots=True)
class Load:
    """Jobs put one after the other; what was acknowledged is remembered, by its ordering key as well."""

    database: TestDatabase
    member: Member
    folder: Path
    acknowledged: list[UUID] = field(default_factory=list)
    in_order: dict[str, list[UUID]] = field(default_factory=dict)
    refused: int = 0

    async def put_until_cancelled(self) -> None:
        opened = open_database(self.database.app_url, pool_size=1)
        try:
            while True:
                await asyncio.sleep(random.uniform(0.0, 0.08))
                try:
                    await self._put(opened)
                except (SQLAlchemyError, OSError):
                    self.refused += 1
        finally:
            await opened.close()

    async def _put(self, opened: Database) -> None:
        kind = ExclusiveHeavy if random.random() < HEAVY_SHARE else Exclusive
        key = None if kind is ExclusiveHeavy else random.choice(KEYS)
        args = kind(folder=str(self.folder), seconds=random.uniform(0.0, 0.4))
        async with transaction(opened, self.member.scope) as tx:
            job_id = await enqueue(tx, args, ordering_key=key)
        self.acknowledged.append(job_id)
        if key is not None:
            self.in_order.setdefault(key, []).append(job_id)


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
    database, folder = own_hub_servers.database, tmp_path / "told"
    folder.mkdir()
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    load = Load(database, make_member(database), folder)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    with _workers(settings) as workers:
        putting = asyncio.create_task(load.put_until_cancelled())
        await eventually(lambda: len(load.acknowledged) >= 10)
        for strike in random.sample(FAULTS * times, len(FAULTS) * times):
            await asyncio.sleep(random.uniform(0.0, 1.5))
            await strike(Storm(own_hub_servers, workers))
        await _more(load)
        putting.cancel()
        await asyncio.wait([putting])
        await eventually(lambda: _unfinished(database) == [], seconds=HEAL_SECONDS_MAX, what="all jobs end")
    _check(load, folder)


@contextmanager
def _workers(settings: Settings) -> Iterator[Workers]:
    environment = environment_of(settings) | {
        "LYCEUM_JOB_LEASE_SECONDS": str(LEASE_SECONDS),
        "LYCEUM_WORKER_LIGHT_SLOTS": "4",
    }
    workers = Workers(environment)
    try:
        for _ in range(WORKERS):
            workers.start()
        yield workers
    finally:
        workers.end_all()


async def _more(load: Load) -> None:
    wanted = len(load.acknowledged) + 20
    await eventually(lambda: len(load.acknowledged) >= wanted, what="jobs are taken again")


def _unfinished(database: TestDatabase) -> list[dict[str, object]]:
    return rows_of(database, "SELECT id, state, lane, attempt FROM jobs WHERE kind LIKE 'test.%%' AND state <> 'done'")


def _check(load: Load, folder: Path) -> None:
    runs = ran(folder)
    assert overlaps(folder) == []
    assert set(load.acknowledged) <= {job_id for job_id, run in runs.items() if run.ended_last}, (
        "every job that was acknowledged ran to its end"
    )
    for behind_each_other in load.in_order.values():
        for before, after in pairwise(behind_each_other):
            assert runs[before].ended_last <= runs[after].began_first
