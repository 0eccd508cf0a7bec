"""Order and needs: one after the other, after others, at a time, and again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import text

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.job_kinds import Heard, Light, light_handlers
from fixtures.own_database import member, resources
from fixtures.queue import call_off, put, somebody_waits, worker_on
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Attempt, Claims
from lyceum.kernel.jobs.followup import follow_up_handler
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.queue import JobNotFound, JobNotRetryable, JobTwinRuns, cancel, enqueue, retry
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

__all__ = ["member", "resources"]


async def taken(worker: Claims) -> list[UUID]:
    """Claim and start whatever is ready; return it."""
    rows = await worker.claim("light", 100)
    await worker.start([Attempt(row.id, row.attempt) for row in rows])
    return [row.id for row in rows if row.kind == "test.light"]


async def end(worker: Claims, jobs: Sequence[UUID]) -> None:
    await worker.finish({Attempt(job_id, 1): "null" for job_id in jobs})


async def test_jobs_with_one_key_run_one_after_the_other_in_the_order_they_were_put(
    resources: Resources, member: Member
) -> None:
    jobs = [await put(resources, member, Light(), ordering_key="map") for _ in range(3)]
    other = await put(resources, member, Light(), ordering_key="mail")
    worker = worker_on(resources.database)
    assert set(await taken(worker)) == {jobs[0], other}
    for before, after in pairwise(jobs):
        assert await taken(worker) == []
        await end(worker, [before])
        assert await taken(worker) == [after]


async def test_a_clock_set_back_delays_nothing_that_was_wanted_at_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    jobs = [await put(resources, member, Light(), ordering_key="map") for _ in range(2)]
    ahead = "UPDATE jobs SET created_at = created_at + interval '2 hours', run_at = run_at + interval '2 hours'"
    rows_of(fresh_database, ahead)
    worker = worker_on(resources.database)
    assert await taken(worker) == jobs[:1]
    await end(worker, jobs[:1])
    assert await taken(worker) == jobs[1:]


async def test_one_key_of_two_organisations_is_two_orders(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    jobs = {await put(resources, who, Light(), ordering_key="map") for who in (member, make_member(fresh_database))}
    assert set(await taken(worker_on(resources.database))) == jobs


async def test_the_next_in_order_waits_until_one_that_failed_has_ended(resources: Resources, member: Member) -> None:
    first, second = [await put(resources, member, Light(), ordering_key="map") for _ in range(2)]
    worker = worker_on(resources.database)
    await taken(worker)
    await worker.fail(Attempt(first, 1), {"code": "x"}, timedelta(hours=1))
    assert await taken(worker) == []
    await call_off(resources, member, first)
    assert await taken(worker) == [second]


async def test_a_job_runs_when_all_it_needs_is_done(resources: Resources, member: Member) -> None:
    needed = [await put(resources, member, Light()) for _ in range(2)]
    last = await put(resources, member, Light(), after=needed)
    worker = worker_on(resources.database)
    assert set(await taken(worker)) == set(needed)
    await end(worker, needed[:1])
    assert await taken(worker) == []
    await end(worker, needed[1:])
    assert await taken(worker) == [last]


async def test_a_job_that_needs_one_that_failed_is_cancelled_and_so_is_what_needs_it(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    needed = await put(resources, member, Light())
    second = await put(resources, member, Light(), after=[needed])
    third = await put(resources, member, Light(), after=[second])
    worker = worker_on(resources.database)
    assert await taken(worker) == [needed]
    await worker.fail(Attempt(needed, 1), {"code": "x"}, None)
    assert await taken(worker) == []
    for job_id in (second, third):
        row = job_row(fresh_database, job_id)
        assert (row["state"], row["error"]["code"]) == ("cancelled", "needed_job_failed")


async def test_what_is_needed_must_be_there_and_the_organisations_own(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    foreign = await put(resources, make_member(fresh_database), Light())
    for unknown in (new_id(), foreign):
        with pytest.raises(JobNotFound, match=str(unknown)):
            await put(resources, member, Light(), after=[unknown])
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1


async def test_two_that_end_at_once_set_what_needs_both_free(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    needed = [await put(resources, member, Light()) for _ in range(2)]
    last = await put(resources, member, Light(), after=needed)
    workers = [worker_on(resources.database) for _ in range(2)]
    for worker in workers:
        (row,) = await worker.claim("light", 1)
        await worker.start([Attempt(row.id, 1)])
    ends = [worker.finish({Attempt(job_id, 1): "null" for job_id in needed}) for worker in workers]
    assert all(await asyncio.gather(*ends))
    assert await taken(workers[0]) == [last]


async def test_one_that_arrives_while_the_one_before_it_ends_is_not_forgotten(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    first = await put(resources, member, Light(), ordering_key="map")
    worker = worker_on(resources.database)
    assert await taken(worker) == [first]
    ending = {"w": worker.worker_id, "ids": [first], "attempts": [1], "results": ["null"]}
    async with transaction(resources.database, member.scope) as tx:
        # ends, looks for the next, and has not committed when that one comes and is looked at
        await tx.execute(text("SELECT definer.jobs_finish(:w, :ids, :attempts, CAST(:results AS jsonb[]))"), ending)
        second = await put(resources, member, Light(), ordering_key="map")
        assert await taken(worker) == []
    assert job_row(fresh_database, second)["state"] == "arrived"
    assert await taken(worker) == [second]


async def test_a_long_chain_behind_one_that_failed_is_cancelled_to_its_end(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    first = last = await put(resources, member, Light())
    async with transaction(resources.database, member.scope) as tx:
        for _ in range(300):
            last = await enqueue(tx, Light(), after=[last])
    worker = worker_on(resources.database)
    assert await taken(worker) == [first]
    await worker.fail(Attempt(first, 1), {"code": "x"}, None)
    other = await put(resources, make_member(fresh_database), Light())
    assert other in await taken(worker)
    for _ in range(20):
        await taken(worker)
    states = rows_of(fresh_database, "SELECT DISTINCT state FROM jobs WHERE kind = 'test.light' AND id <> %s", first)
    assert {row["state"] for row in states} == {"cancelled", "running"}


async def test_one_that_waits_behind_one_being_called_off_is_not_forgotten(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    first, second, third = [await put(resources, member, Light(), ordering_key="map") for _ in range(3)]
    worker = worker_on(resources.database)
    assert await taken(worker) == [first]
    async with transaction(resources.database, member.scope) as tx:
        await cancel(tx, second)
        ending = asyncio.create_task(worker.finish({Attempt(first, 1): "null"}))
        await somebody_waits(fresh_database)
        fourth = await put(resources, member, Light(), ordering_key="map")
    assert await ending
    assert await taken(worker) == [third]
    await end(worker, [third])
    assert await taken(worker) == [fourth]


async def test_what_is_due_later_is_claimed_when_it_is_due(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(), run_at=datetime.now(UTC) + timedelta(hours=1))
    worker = worker_on(resources.database)
    assert await taken(worker) == []
    assert job_row(fresh_database, job_id)["state"] == "scheduled"
    rows_of(fresh_database, "UPDATE jobs SET run_at = now() WHERE id = %s", job_id)
    assert await taken(worker) == [job_id]


async def test_a_step_of_priority_is_worth_a_minute_of_waiting(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    old, new, newest = [await put(resources, member, Light(), priority=priority) for priority in (0, 1, 3)]
    rows_of(fresh_database, "UPDATE jobs SET turn_at = turn_at - interval '2 minutes' WHERE id = %s", old)
    worker = worker_on(resources.database)
    claimed = [(await worker.claim("light", 1))[0].id for _ in range(3)]
    assert claimed == [newest, old, new]


async def test_a_dead_job_is_tried_again_with_fresh_attempts(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="fail"))
    rows_of(fresh_database, "UPDATE jobs SET attempts_max = 1 WHERE id = %s", job_id)
    heard = Heard(fails=1)
    async with running_worker(resources, *light_handlers(heard)):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
        async with transaction(resources.database, member.scope) as tx:
            assert (await retry(tx, job_id, final_kinds=())).state == "ready"
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    assert job_row(fresh_database, job_id)["attempt"] == 2
    async with transaction(resources.database, member.scope) as tx:
        assert (await retry(tx, job_id, final_kinds=())).state == "done"


async def test_a_dead_job_is_not_tried_again_beside_its_twin(resources: Resources, member: Member) -> None:
    job_id = await put(resources, member, Light(), dedup_key="same")
    await call_off(resources, member, job_id)
    await put(resources, member, Light(), dedup_key="same")
    with pytest.raises(JobTwinRuns, match="'same'"):
        async with transaction(resources.database, member.scope) as tx:
            await retry(tx, job_id, final_kinds=())


async def test_a_job_put_twice_after_others_is_one(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    needed, job_id = await put(resources, member, Light()), new_id()
    for _ in range(2):
        assert await put(resources, member, Light(), job_id=job_id, after=[needed]) == job_id
    assert len(rows_of(fresh_database, "SELECT 1 FROM job_needs")) == 1


async def test_a_job_tried_again_waits_for_what_it_needs(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    needed = await put(resources, member, Light())
    job_id = await put(resources, member, Light(), after=[needed])
    await call_off(resources, member, job_id)
    async with transaction(resources.database, member.scope) as tx:
        assert (await retry(tx, job_id, final_kinds=())).state == "waiting"
    worker = worker_on(resources.database)
    assert await taken(worker) == [needed]
    await end(worker, [needed])
    assert await taken(worker) == [job_id]


async def test_however_often_a_job_is_tried_again_its_attempts_do_not_double(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light())
    for attempt in (5, 10, 15):
        rows_of(fresh_database, "UPDATE jobs SET state = 'dead', attempt = %s WHERE id = %s", attempt, job_id)
        async with transaction(resources.database, member.scope) as tx:
            assert (await retry(tx, job_id, final_kinds=())).attempts_max == attempt + 5


async def test_a_job_whose_module_was_told_of_its_end_is_not_tried_again(resources: Resources, member: Member) -> None:
    final_kinds = Handlers.of(light_handlers(Heard())).final_kinds
    job_id = await put(resources, member, Light())
    await call_off(resources, member, job_id)
    with pytest.raises(JobNotRetryable, match="start it anew"):
        async with transaction(resources.database, member.scope) as tx:
            await retry(tx, job_id, final_kinds=final_kinds)


async def test_a_job_that_was_tried_again_at_once_is_not_given_up(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="again"))
    await call_off(resources, member, job_id)
    async with transaction(resources.database, member.scope) as tx:
        await retry(tx, job_id, final_kinds=())
    heard = Heard()
    handlers = light_handlers(heard)
    async with running_worker(resources, *handlers, follow_up_handler(Handlers.of(handlers))):
        done = "SELECT 1 FROM jobs WHERE state = 'done'"
        await eventually(lambda: len(rows_of(fresh_database, done)) == 2)
    assert (heard.ran, heard.gave_up) == ([("again", 1)], [])
