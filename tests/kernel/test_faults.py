"""Killed servers and killed workers: what was acknowledged stays, and work is done once."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from fixtures.app import (
    client_at,
    environment_of,
    eventually,
    job_row,
    rows_of,
    served,
    settings_for,
    started_when_ready,
)
from fixtures.job_kinds import WROTE, Heavy, Light
from fixtures.processes import parent_of, still_there
from fixtures.servers import OwnServers, TestDatabase, kill
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel import migrate
from lyceum.kernel.config import Settings
from lyceum.kernel.db import open_database
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

LEASE_SECONDS = 3.0
WORKER = Path(__file__).with_name("programs") / "worker.py"


@pytest.fixture
def member(fresh_database: TestDatabase) -> Member:
    rows_of(fresh_database, WROTE)
    rows_of(fresh_database, f"GRANT ALL ON job_writes TO {APP_ROLE}")
    return make_member(fresh_database)


@contextmanager
def _workers(settings: Settings, count: int) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Run workers as processes of their own, each serving."""
    environment = environment_of(settings.model_copy(update={"job_lease_seconds": LEASE_SECONDS}))
    environment |= {"LYCEUM_JOB_LEASE_SECONDS": str(LEASE_SECONDS)}
    workers = []
    with ExitStack() as ending:
        for _ in range(count):
            worker = started_when_ready((sys.executable, str(WORKER)), environment)
            ending.callback(kill, worker, signal.SIGKILL)
            workers.append(worker)
        yield workers


async def _put(database: TestDatabase, member: Member, *jobs: JobArgs) -> list[UUID]:
    opened = open_database(database.app_url, pool_size=1)
    async with transaction(opened, member.scope) as tx:
        ids = [await enqueue(tx, args) for args in jobs]
    await opened.close()
    return ids


def _notes(database: TestDatabase, job_id: UUID) -> list[tuple[int, str]]:
    rows = rows_of(database, "SELECT attempt, note FROM job_writes WHERE job_id = %s ORDER BY attempt, note", job_id)
    return [(row["attempt"], row["note"]) for row in rows]


@pytest.mark.deep
@pytest.mark.parametrize("what", ["slowly", "family"])
async def test_a_killed_workers_job_runs_again_on_another_and_has_one_result(
    fresh_database: TestDatabase, member: Member, tmp_path: Path, what: str
) -> None:
    settings = settings_for(fresh_database, tmp_path / "home")
    path = tmp_path / "job"
    with _workers(settings, 2) as workers:
        [job_id] = await _put(fresh_database, member, Heavy(what=what, path=str(path)))
        first = await eventually(lambda: (p := Path(f"{path}.1")).exists() and p)
        row = job_row(fresh_database, job_id)
        pids = first.read_text().split()
        victim = next(w for w in workers if parent_of(pids[1]) == w.pid)
        killed = time.monotonic()
        victim.kill()
        await eventually(lambda: not still_there(pids), what="the job's processes are gone")
        await eventually(Path(f"{path}.2").exists, seconds=LEASE_SECONDS + 5)
        assert time.monotonic() - killed < LEASE_SECONDS + 5
        assert job_row(fresh_database, job_id)["worker_id"] != row["worker_id"]
        if what == "slowly":
            path.with_suffix(".go").touch()
            await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
            assert _notes(fresh_database, job_id) == [(1, "began"), (2, "began"), (2, "result finished")]


@pytest.mark.deep
async def test_a_stalled_workers_late_answer_is_not_taken(
    fresh_database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    settings = settings_for(fresh_database, tmp_path / "home")
    path = tmp_path / "job"
    with _workers(settings, 2) as workers:
        [job_id] = await _put(fresh_database, member, Heavy(what="slowly", path=str(path)))
        first = await eventually(lambda: (p := Path(f"{path}.1")).exists() and p)
        stalled = next(w for w in workers if parent_of(first.read_text().split()[1]) == w.pid)
        stalled.send_signal(signal.SIGSTOP)
        await eventually(Path(f"{path}.2").exists, seconds=LEASE_SECONDS + 10)
        path.with_suffix(".go").touch()
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
        stalled.send_signal(signal.SIGCONT)
        [after] = await _put(fresh_database, member, Light(note="after"))
        await eventually(lambda: job_row(fresh_database, after)["state"] == "done")
        await eventually(lambda: not still_there(first.read_text().split()))
    assert _notes(fresh_database, job_id) == [(1, "began"), (2, "began"), (2, "result finished")]


@pytest.mark.deep
async def test_a_terminated_worker_gives_its_jobs_back_before_their_lease(
    fresh_database: TestDatabase, member: Member, tmp_path: Path
) -> None:
    settings = settings_for(fresh_database, tmp_path / "home")
    path = tmp_path / "job"
    with _workers(settings, 1) as [worker]:
        [job_id] = await _put(fresh_database, member, Heavy(what="slowly", path=str(path)))
        await eventually(Path(f"{path}.1").exists)
        worker.terminate()
        await asyncio.to_thread(worker.wait, 10)
    row = job_row(fresh_database, job_id)
    assert worker.returncode == 0
    assert (row["state"], row["attempts_max"] - row["attempt"]) == ("ready", Heavy.attempts_max)


@pytest.mark.deep
async def test_no_acknowledged_write_is_lost_when_api_and_database_are_killed(
    own_hub_servers: OwnServers, tmp_path: Path
) -> None:
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    member = make_member(database)
    settings = settings_for(database, tmp_path, valkey_url=own_hub_servers.valkey.url)
    acknowledged: list[str] = []
    refused: list[int] = []
    stop = asyncio.Event()
    with served("lyceum.web", settings) as api:

        async def write() -> None:
            async with client_at(api.url, key=member.key, timeout=15) as client:
                while not stop.is_set():
                    try:
                        answer = await client.post("/api/v1/api-keys", json={"name": "load"})
                    except httpx.TransportError:
                        await asyncio.sleep(0.02)
                        continue
                    if answer.status_code == 201:
                        acknowledged.append(answer.json()["id"])
                    else:
                        refused.append(answer.status_code)
                        await asyncio.sleep(0.02)

        writers = [asyncio.create_task(write()) for _ in range(8)]
        await _more(acknowledged, 30)
        own_hub_servers.kill_postgres()
        await eventually(lambda: refused)
        await asyncio.to_thread(own_hub_servers.start_postgres)
        await _more(acknowledged, 30)
        own_hub_servers.kill_valkey()
        await _more(acknowledged, 30)
        await asyncio.to_thread(api.end, signal.SIGKILL)
        await asyncio.to_thread(api.start)
        await _more(acknowledged, 30)
        stop.set()
        await asyncio.gather(*writers)
        async with client_at(api.url) as client:
            assert (await client.get("/health/ready")).json() == {"status": "degraded"}
    kept = {str(row["id"]) for row in rows_of(database, "SELECT id FROM api_keys")}
    assert set(acknowledged) <= kept
    assert set(refused) == {503}


@pytest.mark.deep
async def test_jobs_outlive_a_killed_database(own_hub_servers: OwnServers, tmp_path: Path) -> None:
    """One job computes and one waits while the server is gone; neither is lost, charged twice, or done twice."""
    database = own_hub_servers.database
    migrate.upgrade(database.owner_url, app_role=APP_ROLE)
    rows_of(database, WROTE)
    rows_of(database, f"GRANT ALL ON job_writes TO {APP_ROLE}")
    member = make_member(database)
    path = tmp_path / "job"
    with _workers(settings_for(database, tmp_path / "home"), 1):
        [heavy] = await _put(database, member, Heavy(what="slowly", path=str(path)))
        await eventually(Path(f"{path}.1").exists)
        [waiting] = await _put(database, member, Light(note="waiting"))
        own_hub_servers.kill_postgres()
        path.with_suffix(".go").touch()
        await asyncio.to_thread(own_hub_servers.start_postgres)
        await eventually(lambda: {job_row(database, job)["state"] for job in (heavy, waiting)} == {"done"})
    assert _notes(database, heavy) == [(1, "began"), (1, "result finished")]


async def _more(counted: list[str], count: int) -> None:
    wanted = len(counted) + count
    await eventually(lambda: len(counted) >= wanted, seconds=60)
