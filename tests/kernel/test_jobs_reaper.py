"""What silent workers held: taken back, not too early, and run again where it can do no harm."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from fixtures.app import job_row, rows_of
from fixtures.job_kinds import Heavy, Light
from fixtures.own_database import member, resources
from fixtures.queue import let_leases_run_out, put, reap, run_of, worker_on
from fixtures.servers import TestDatabase
from lyceum.kernel.jobs.claims import Attempt
from lyceum.kernel.jobs.ending import LeaseLost, finish_in
from lyceum.kernel.jobs.reaper import SILENT_SECONDS, Reaper
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

__all__ = ["member", "resources"]


async def test_what_a_silent_worker_held_goes_back(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    claimed, running = [await put(resources, member, Light()) for _ in range(2)]
    worker = worker_on(resources.database)
    await worker.claim("light", 10)
    await worker.start([Attempt(running, 1)])
    let_leases_run_out(fresh_database)
    assert {row["id"] for row in reap(fresh_database)} == {claimed, running}
    assert job_row(fresh_database, claimed)["error"] is None
    row = job_row(fresh_database, running)
    assert (row["state"], row["attempt"], row["error"]["code"]) == ("ready", 1, "worker_lost")
    assert [row.id for row in await worker_on(resources.database).claim("light", 10)] == [claimed]


async def test_what_ran_when_its_worker_died_runs_alone_from_then_on(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    light = await put(resources, member, Light())
    heavy = await put(resources, member, Heavy())
    worker = worker_on(resources.database)
    for lane, job_id in (("light", light), ("heavy", heavy)):
        await worker.claim(lane, 1)  # type: ignore[arg-type]  # two lanes
        await worker.start([Attempt(job_id, 1)])
    let_leases_run_out(fresh_database)
    reap(fresh_database)
    lanes = {job_id: job_row(fresh_database, job_id)["lane"] for job_id in (light, heavy)}
    assert lanes == {light: "solo", heavy: "heavy"}
    assert await worker.claim("light", 1) == []
    assert [row.id for row in await worker.claim("solo", 5)] == [light]


async def test_a_job_that_always_loses_its_worker_is_dead_in_the_end(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light())
    for number in range(1, Light.attempts_max + 1):
        worker = worker_on(resources.database)
        await worker.claim("light" if number == 1 else "solo", 10)
        await worker.start([Attempt(job_id, number)])
        let_leases_run_out(fresh_database)
        reap(fresh_database)
    assert job_row(fresh_database, job_id)["state"] == "dead"


async def test_a_lease_that_is_over_is_looked_at_twice_before_its_job_is_taken_back(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    silent, alive = [await put(resources, member, Light()) for _ in range(2)]
    worker = worker_on(resources.database)
    await worker.claim("light", 2)
    await worker.start([Attempt(silent, 1), Attempt(alive, 1)])
    # as after a jump of the clock, or a night in which the machine slept
    let_leases_run_out(fresh_database)
    now = 100.0
    reaper = Reaper(resources.database, timedelta(seconds=15), clock=lambda: now)
    assert await reaper.look() == 0
    await worker.beat([Attempt(alive, 1)])
    now += SILENT_SECONDS - 0.1
    assert await reaper.look() == 0
    now += 0.2
    assert await reaper.look() == 1
    assert job_row(fresh_database, silent)["state"] == "ready"
    assert job_row(fresh_database, alive)["state"] == "running"


async def test_a_lease_from_before_the_clock_was_set_back_ends_all_the_same(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    await put(resources, member, Light())
    await worker_on(resources.database).claim("light", 1)
    rows_of(fresh_database, "UPDATE jobs SET lease_until = now() + interval '1 hour'")
    now = 100.0
    reaper = Reaper(resources.database, timedelta(seconds=15), clock=lambda: now)
    await reaper.look()
    now += SILENT_SECONDS + 0.1
    assert await reaper.look() == 1


async def test_a_stalled_workers_late_finish_writes_nothing(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light())
    stalled, next_one = (worker_on(resources.database) for _ in range(2))
    await stalled.claim("light", 10)
    await stalled.start([Attempt(job_id, 1)])
    let_leases_run_out(fresh_database)
    reap(fresh_database)
    await next_one.claim("solo", 10)
    await next_one.start([Attempt(job_id, 2)])

    async def conclude_late() -> None:
        async with transaction(resources.database, member.scope) as tx:
            await tx.execute(text("UPDATE organisations SET title = 'written late'"))
            await finish_in(tx, run_of(resources, member, job_id, 1, stalled), "late")

    with pytest.raises(LeaseLost):
        await conclude_late()
    titles = rows_of(fresh_database, "SELECT title FROM organisations WHERE id = %s", member.org_id)
    assert titles == [{"title": member.org_name}]
    async with transaction(resources.database, member.scope) as tx:
        await finish_in(tx, run_of(resources, member, job_id, 2, next_one), "in time")
    row = job_row(fresh_database, job_id)
    assert (row["state"], row["result"], row["attempt"]) == ("done", "in time", 2)
