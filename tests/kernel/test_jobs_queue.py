"""The queue: work is put on it with its cause, claimed fairly, taken back from the silent, and ends once."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import text

from fixtures.app import job_row, rows_of
from fixtures.job_kinds import Light
from fixtures.own_database import member, resources
from fixtures.queue import call_off, fill, put, run_of, somebody_waits, worker_on
from fixtures.servers import TestDatabase
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Attempt
from lyceum.kernel.jobs.ending import LeaseLost, hold_in
from lyceum.kernel.jobs.queue import JobNotAdded, JobNotFound, cancel, cancel_all, enqueue, job_for
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

__all__ = ["member", "resources"]


async def test_a_job_exists_when_its_transaction_commits(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async with transaction(resources.database, member.scope) as tx:
        job_id = await enqueue(tx, Light(note="x"))
        assert rows_of(fresh_database, "SELECT 1 FROM jobs") == []
    row = job_row(fresh_database, job_id)
    assert (row["state"], row["org_id"], row["owner_id"]) == ("ready", member.org_id, member.user_id)


async def test_a_rolled_back_transaction_leaves_no_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    async def change_and_fail() -> None:
        async with transaction(resources.database, member.scope) as tx:
            await enqueue(tx, Light(note="x"))
            raise LookupError

    with pytest.raises(LookupError):
        await change_and_fail()
    assert rows_of(fresh_database, "SELECT 1 FROM jobs") == []


async def test_a_waiting_jobs_key_keeps_its_twin_out(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    first = await put(resources, member, Light(), dedup_key="same")
    assert await put(resources, member, Light(), dedup_key="same") == first
    rows_of(fresh_database, "UPDATE jobs SET state = 'done' WHERE id = %s", first)
    assert await put(resources, member, Light(), dedup_key="same") != first


async def test_a_job_of_the_hub_names_the_one_it_would_have_repeated(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    async def add(**options: Any) -> UUID:
        async with transaction(resources.database, NOBODY) as tx:
            return await enqueue(tx, Light(), **options)

    first = await add(dedup_key="same")
    assert await add(dedup_key="same") == first
    round_id = new_id()
    assert await add(dedup_key="same", job_id=round_id) == first
    rows_of(fresh_database, "UPDATE jobs SET state = 'done'")
    assert await add(dedup_key="same", job_id=round_id) == round_id
    assert await add(dedup_key="other", job_id=round_id) == round_id
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 2


async def test_two_organisations_may_use_one_key(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    other = make_member(fresh_database)
    first = await put(resources, member, Light(), dedup_key="same")
    second = await put(resources, other, Light(), dedup_key="same")
    assert first != second
    assert job_row(fresh_database, second)["org_id"] == other.org_id


@pytest.mark.parametrize("key", [None, "same"])
async def test_the_id_of_another_organisations_job_is_refused_and_says_nothing_of_it(
    resources: Resources, fresh_database: TestDatabase, member: Member, key: str | None
) -> None:
    theirs = await put(resources, make_member(fresh_database), Light())
    async with asyncio.timeout(10):
        with pytest.raises(JobNotAdded, match=f"has the id {theirs} or its key; ask again without that id"):
            await put(resources, member, Light(), job_id=theirs, dedup_key=key)
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1


async def test_twins_at_once_become_one_job(resources: Resources, fresh_database: TestDatabase, member: Member) -> None:
    ids = await asyncio.gather(*(put(resources, member, Light(), dedup_key="same") for _ in range(8)))
    assert len(set(ids)) == 1
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1


async def test_claims_follow_the_weights_of_the_classes(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fill(fresh_database, member, {"high": 2000, "normal": 2000, "background": 2000})
    worker = worker_on(resources.database)
    drawn: Counter[str] = Counter()
    for _ in range(100):
        drawn.update(row.kind.removeprefix("test.class_") for row in await worker.claim("light", 10))
    assert sum(drawn.values()) == 1000
    # 600, 300 and 100 are expected; four standard deviations of such draws either way
    assert drawn["high"] == pytest.approx(600, abs=62)
    assert drawn["normal"] == pytest.approx(300, abs=58)
    assert drawn["background"] == pytest.approx(100, abs=38)


async def test_an_empty_class_yields_its_share(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fill(fresh_database, member, {"background": 20})
    assert len(await worker_on(resources.database).claim("light", 16)) == 16


async def test_one_slot_is_enough_for_every_class(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fill(fresh_database, member, {"high": 5, "normal": 5, "background": 5})
    claimed = [row for _ in range(15) for row in await worker_on(resources.database).claim("light", 1)]
    assert len({row[0] for row in claimed}) == 15


async def test_workers_at_once_never_share_a_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fill(fresh_database, member, {"high": 100, "normal": 100})
    claims = await asyncio.gather(*(worker_on(resources.database).claim("light", 10) for _ in range(25)))
    ids = [row[0] for claim in claims for row in claim]
    assert len(ids) == len(set(ids)) == 200


async def test_priority_orders_within_a_class_and_later_jobs_wait(resources: Resources, member: Member) -> None:
    later = await put(resources, member, Light(), priority=9, run_at=datetime.now(UTC) + timedelta(hours=1))
    low = await put(resources, member, Light())
    high = await put(resources, member, Light(), priority=5)
    claimed = [row[0] for _ in range(3) for row in await worker_on(resources.database).claim("light", 1)]
    assert claimed == [high, low]
    assert later not in claimed


async def test_an_attempt_is_counted_when_the_job_starts(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 10)
    assert job_row(fresh_database, job_id)["attempt"] == 0
    assert set(await worker.start([Attempt(job_id, 1)])) == {Attempt(job_id, 1)}
    assert job_row(fresh_database, job_id)["attempt"] == 1


async def test_a_start_that_is_asked_for_twice_is_charged_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 1)
    for _ in range(2):
        assert set(await worker.start([Attempt(job_id, 1)])) == {Attempt(job_id, 1)}
    assert await worker_on(resources.database).start([Attempt(job_id, 1)]) == {}
    assert job_row(fresh_database, job_id)["attempt"] == 1


async def test_what_is_given_back_before_its_start_is_as_it_was(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 1)
    await worker.give_back(Attempt(job_id, 1))
    row = job_row(fresh_database, job_id)
    assert (row["state"], row["attempt"], row["attempts_max"]) == ("ready", 0, Light.attempts_max)


async def test_a_failed_job_waits_by_the_clock_of_the_database(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 1)
    await worker.start([Attempt(job_id, 1)])
    await worker.fail(Attempt(job_id, 1), {}, timedelta(hours=1))
    query = "SELECT run_at - now() <= '1 hour' AND run_at - now() > '59 minutes' AS later FROM jobs"
    assert rows_of(fresh_database, query) == [{"later": True}]


@pytest.mark.parametrize("write", ["start", "finish"])
async def test_rows_are_locked_in_one_order_however_they_are_asked_for(
    resources: Resources, fresh_database: TestDatabase, member: Member, write: str
) -> None:
    lower, higher = sorted([await put(resources, member, Light()) for _ in range(2)])
    worker, attempts = worker_on(resources.database), [Attempt(higher, 1), Attempt(lower, 1)]
    await worker.claim("light", 2)
    if write == "finish":
        await worker.start(attempts)
    # The higher one comes first in the table too, and so for whoever does not sort.
    rows_of(fresh_database, "UPDATE jobs SET priority = 1 WHERE id = %s", lower)
    lock = text("SELECT FROM jobs WHERE id = :id FOR UPDATE NOWAIT")
    async with transaction(resources.database, member.scope) as other:
        await other.execute(lock, {"id": lower})
        said = worker.start(attempts) if write == "start" else worker.finish(dict.fromkeys(attempts, "1"))
        writing = asyncio.create_task(cast("Coroutine[Any, Any, object]", said))
        await somebody_waits(fresh_database)
        await other.execute(lock, {"id": higher})
    assert await writing
    assert {row["attempt"] for row in rows_of(fresh_database, "SELECT attempt FROM jobs")} == {1}


async def test_a_beat_waits_for_no_row_and_loses_none(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    held, free, gone = [await put(resources, member, Light()) for _ in range(3)]
    worker, attempts = worker_on(resources.database), [Attempt(job_id, 1) for job_id in (held, free, gone)]
    await worker.claim("light", 3)
    await worker.start(attempts[:2])
    await worker.give_back(attempts[2])
    rows_of(fresh_database, "UPDATE jobs SET lease_until = now() WHERE lease_until IS NOT NULL")
    async with transaction(resources.database, member.scope) as other:
        await other.execute(text("SELECT FROM jobs WHERE id = :id FOR UPDATE"), {"id": held})
        async with asyncio.timeout(10):
            verdicts = await worker.beat(attempts)
    assert verdicts == {attempts[1]: None, attempts[2]: "lost"}
    query = "SELECT id FROM jobs WHERE lease_until > now() + interval '10 seconds'"
    assert rows_of(fresh_database, query) == [{"id": free}]


async def test_the_present_attempt_is_not_told_what_an_earlier_one_is(resources: Resources, member: Member) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 1)
    await worker.start([Attempt(job_id, 1)])
    await worker.fail(Attempt(job_id, 1), {}, timedelta(0))
    await worker.claim("light", 1)
    verdicts = await worker.beat([Attempt(job_id, 1), Attempt(job_id, 2)])
    assert verdicts == {Attempt(job_id, 1): "lost", Attempt(job_id, 2): None}


async def test_an_attempt_holds_its_job_while_it_writes(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 1)
    await worker.start([Attempt(job_id, 1)])
    run = run_of(resources, member, job_id, 1, worker)
    async with transaction(resources.database, member.scope) as tx:
        await hold_in(tx, run)
        let_go = asyncio.create_task(asyncio.to_thread(_take_away, fresh_database))
        await somebody_waits(fresh_database)
    await let_go
    async with transaction(resources.database, member.scope) as tx:
        with pytest.raises(LeaseLost):
            await hold_in(tx, run)


async def test_calling_off_what_starts_or_fails_meanwhile_still_calls_it_off(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await put(resources, member, Light()), worker_on(resources.database)
    await worker.claim("light", 10)
    await worker.start([Attempt(job_id, 1)])
    async with transaction(resources.database, NOBODY) as failing:
        fail = text("SELECT definer.jobs_fail(:worker, :id, 1, '{}', interval '0')")
        await failing.execute(fail, {"worker": worker.worker_id, "id": job_id})
        cancelling = asyncio.create_task(call_off(resources, member, job_id))
        await somebody_waits(fresh_database)
    assert (await cancelling).state == "cancelled"


async def test_all_jobs_of_an_organisation_are_called_off_and_no_others(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    stranger, worker = make_member(fresh_database), worker_on(resources.database)
    running = await put(resources, member, Light())
    await worker.claim("light", 10)
    await worker.start([Attempt(running, 1)])
    waiting = [await put(resources, member, Light()) for _ in range(3)]
    ended, foreign = await put(resources, member, Light()), await put(resources, stranger, Light())
    rows_of(fresh_database, "UPDATE jobs SET state = 'done', finished_at = created_at WHERE id = %s", ended)
    async with transaction(resources.database, member.scope) as tx:
        assert await cancel_all(tx) == 4
    found = {row["id"]: row for row in rows_of(fresh_database, "SELECT * FROM jobs")}
    assert [found[job_id]["state"] for job_id in waiting] == ["cancelled"] * 3
    assert all(found[job_id]["finished_at"] > found[job_id]["created_at"] for job_id in waiting)
    assert (found[running]["state"], found[running]["cancel_requested"]) == ("running", True)
    assert (found[ended]["state"], found[ended]["cancel_requested"]) == ("done", False)
    assert (found[foreign]["state"], found[foreign]["cancel_requested"]) == ("ready", False)


async def test_a_stranger_can_neither_see_nor_call_off_a_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light())
    stranger = make_member(fresh_database)
    async with transaction(resources.database, stranger.scope) as tx:
        with pytest.raises(JobNotFound):
            await job_for(tx, job_id)
        with pytest.raises(JobNotFound):
            await cancel(tx, job_id)
    assert job_row(fresh_database, job_id)["state"] == "ready"


def _take_away(database: TestDatabase) -> None:
    rows_of(database, "UPDATE jobs SET state = 'ready', worker_id = NULL, lease_until = NULL")
