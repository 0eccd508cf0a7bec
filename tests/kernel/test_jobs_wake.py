"""Workers are woken once for however many jobs there are, and told to stop within a look."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.job_kinds import Light
from fixtures.own_database import member, resources
from fixtures.queue import call_off, put
from fixtures.servers import TestDatabase
from lyceum.kernel.db import connect_directly
from lyceum.kernel.jobs.claims import Claims
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import WAKE_CHANNEL, enqueue
from lyceum.kernel.jobs.wake import WorkerWaker
from lyceum.kernel.jobs.worker import STOPS_POLL_SECONDS, Worker
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

__all__ = ["member", "resources"]

LAST = "the last of the test"


async def _wakes(listening: psycopg.AsyncConnection, database: TestDatabase) -> int:
    """Return how many notifications have come until now."""
    rows_of(database, f"SELECT pg_notify('{WAKE_CHANNEL}', '{LAST}')", role="app")
    count = 0
    async with asyncio.timeout(20):
        async for notice in listening.notifies():
            if notice.payload == LAST:
                break
            count += 1
    return count


async def test_many_jobs_wake_the_workers_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async with await connect_directly(fresh_database.dsn()) as listening:
        await listening.execute(f"LISTEN {WAKE_CHANNEL}")
        async with transaction(resources.database, member.scope) as tx:
            for number in range(100):
                await enqueue(tx, Light(note=str(number)))
        notifies = "SELECT 1 FROM pg_stat_activity WHERE query = %s AND state = 'idle' AND datname = current_database()"
        await eventually(lambda: rows_of(fresh_database, notifies, f"NOTIFY {WAKE_CHANNEL}", role="admin"))
        assert await _wakes(listening, fresh_database) == 1


async def test_what_wakes_while_a_notification_is_on_its_way_takes_one_more(fresh_database: TestDatabase) -> None:
    waker = WorkerWaker(fresh_database.app_url)
    async with await connect_directly(fresh_database.dsn()) as listening:
        await listening.execute(f"LISTEN {WAKE_CHANNEL}")
        await waker.wake()
        # from here on the first is on its way
        await asyncio.sleep(0)
        for _ in range(100):
            await waker.wake()
        await eventually(lambda: waker._pending is not None and waker._pending.done())
        assert await _wakes(listening, fresh_database) == 2
        await waker.close()


async def test_a_running_job_is_told_to_stop_by_the_next_look_but_one_at_the_latest(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_arguments: object) -> None:
        raise OSError("no way to the server")

    monkeypatch.setattr(Worker, "_listen_once", refused)
    monkeypatch.setattr("lyceum.kernel.jobs.worker.BEAT_SECONDS_MAX", 3600.0)
    looks, looks_at_stop = 0, list[int]()
    called_off, running = Claims.called_off, asyncio.Event()

    async def counted(claims: Claims) -> Sequence[UUID]:
        nonlocal looks
        looks += 1
        return await called_off(claims)

    async def wait(_run: JobRun, _args: Light) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            looks_at_stop.append(looks)

    monkeypatch.setattr(Claims, "called_off", counted)
    job_id = await put(resources, member, Light())
    handler = LightHandler(args_type=Light, run=wait)
    async with running_worker(resources, handler, lease_seconds=14_400):
        await running.wait()
        await call_off(resources, member, job_id)
        looks_at_call = looks
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "cancelled")
    # one look may have been under way, which saw the job as it was before
    assert [count - looks_at_call for count in looks_at_stop] in ([0], [1])
    assert 2 * STOPS_POLL_SECONDS < 1.0
