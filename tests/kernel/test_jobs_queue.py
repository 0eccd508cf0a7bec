"""The queue: work is put on it with its cause, claimed fairly, tried again, called off, and ends once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import QueuePool, text

from fixtures.app import eventually, job_row, rows_of, running_worker, settings_for
from fixtures.job_kinds import Heard, Light, LightBackground, LightHigh, light_handlers
from fixtures.servers import TestDatabase
from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.ending import LeaseLost, finish_in
from lyceum.kernel.jobs.followup import JobGaveUp, follow_up_handler
from lyceum.kernel.jobs.handlers import Handlers, JobRun
from lyceum.kernel.jobs.queue import Job, JobArgs, JobNotFound, cancel, enqueue, job_for
from lyceum.kernel.jobs.schedules import Schedule, keep_schedules
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

LEASE = timedelta(seconds=15)


@pytest.fixture
def member(fresh_database: TestDatabase) -> Member:
    return make_member(fresh_database)


@pytest.fixture
async def resources(
    fresh_database: TestDatabase, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Resources]:
    """The queue is one for all organisations, so each of these tests has a database of its own."""
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("home"), valkey_url=valkey_url)
    async with open_resources(settings, subscribers={}) as opened:
        yield opened


async def _put(resources: Resources, member: Member, args: JobArgs, **options: Any) -> UUID:
    async with transaction(resources.database, member.scope) as tx:
        return await enqueue(tx, args, **options)


async def _claim(database: Database, worker: UUID, *, slots: int = 10) -> Sequence[Any]:
    async with transaction(database, NOBODY) as tx:
        found = await tx.execute(
            text("SELECT id, class, kind FROM definer.jobs_claim(:w, :s, :h, :l)"),
            {"w": worker, "s": slots, "h": False, "l": LEASE},
        )
        return found.all()


async def _start(database: Database, worker: UUID, ids: list[UUID]) -> dict[UUID, int]:
    async with transaction(database, NOBODY) as tx:
        started = await tx.execute(
            text("SELECT id, attempt FROM definer.jobs_start(:w, :ids)"), {"w": worker, "ids": ids}
        )
        return {row.id: row.attempt for row in started}


def _run_of(resources: Resources, member: Member, job_id: UUID, attempt: int, worker: UUID) -> JobRun:
    async def unseen(_fraction: float, _note: str) -> None: ...

    return JobRun(job_id, attempt, worker, member.scope, resources, unseen)


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
    first = await _put(resources, member, Light(), dedup_key="same")
    assert await _put(resources, member, Light(), dedup_key="same") == first
    rows_of(fresh_database, "UPDATE jobs SET state = 'done' WHERE id = %s", first)
    assert await _put(resources, member, Light(), dedup_key="same") != first


async def test_two_organisations_may_use_one_key(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    other = make_member(fresh_database)
    first = await _put(resources, member, Light(), dedup_key="same")
    second = await _put(resources, other, Light(), dedup_key="same")
    assert first != second
    assert job_row(fresh_database, second)["org_id"] == other.org_id


async def test_twins_at_once_become_one_job(resources: Resources, fresh_database: TestDatabase, member: Member) -> None:
    ids = await asyncio.gather(*(_put(resources, member, Light(), dedup_key="same") for _ in range(8)))
    assert len(set(ids)) == 1
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1


async def test_claims_follow_the_weights_of_the_classes(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    _fill(fresh_database, member, {"high": 2000, "normal": 2000, "background": 2000})
    worker = new_id()
    drawn: Counter[str] = Counter()
    for _ in range(100):
        drawn.update(row[1] for row in await _claim(resources.database, worker, slots=10))
    assert sum(drawn.values()) == 1000
    # 600, 300 and 100 are expected; four standard deviations of such draws either way
    assert drawn["high"] == pytest.approx(600, abs=62)
    assert drawn["normal"] == pytest.approx(300, abs=58)
    assert drawn["background"] == pytest.approx(100, abs=38)


async def test_an_empty_class_yields_its_share(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    _fill(fresh_database, member, {"background": 20})
    assert len(await _claim(resources.database, new_id(), slots=16)) == 16


async def test_one_slot_is_enough_for_every_class(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    _fill(fresh_database, member, {"high": 5, "normal": 5, "background": 5})
    claimed = [row for _ in range(15) for row in await _claim(resources.database, new_id(), slots=1)]
    assert len({row[0] for row in claimed}) == 15


async def test_workers_at_once_never_share_a_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    _fill(fresh_database, member, {"high": 100, "normal": 100})
    claims = await asyncio.gather(*(_claim(resources.database, new_id(), slots=10) for _ in range(25)))
    ids = [row[0] for claim in claims for row in claim]
    assert len(ids) == len(set(ids)) == 200


async def test_priority_orders_within_a_class_and_later_jobs_wait(resources: Resources, member: Member) -> None:
    later = await _put(resources, member, Light(), priority=9, run_at=datetime.now(UTC) + timedelta(hours=1))
    low = await _put(resources, member, Light())
    high = await _put(resources, member, Light(), priority=5)
    claimed = [row[0] for _ in range(3) for row in await _claim(resources.database, new_id(), slots=1)]
    assert claimed == [high, low]
    assert later not in claimed


async def test_an_attempt_is_counted_when_the_job_starts(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await _put(resources, member, Light()), new_id()
    await _claim(resources.database, worker)
    assert job_row(fresh_database, job_id)["attempt"] == 0
    assert await _start(resources.database, worker, [job_id]) == {job_id: 1}


async def test_what_a_silent_worker_held_goes_back(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    claimed, running = [await _put(resources, member, Light()) for _ in range(2)]
    worker = new_id()
    await _claim(resources.database, worker)
    await _start(resources.database, worker, [running])
    _let_lease_run_out(fresh_database)
    assert {row["id"] for row in _reap(fresh_database)} == {claimed, running}
    assert job_row(fresh_database, claimed)["error"] is None
    row = job_row(fresh_database, running)
    assert (row["state"], row["attempt"], row["error"]["code"]) == ("ready", 1, "worker_lost")


async def test_a_job_that_always_loses_its_worker_is_dead_in_the_end(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light())
    for _ in range(Light.attempts_max):
        worker = new_id()
        await _claim(resources.database, worker)
        await _start(resources.database, worker, [job_id])
        _let_lease_run_out(fresh_database)
        _reap(fresh_database)
    assert job_row(fresh_database, job_id)["state"] == "dead"


async def test_leases_that_ran_out_while_the_server_was_away_get_time_to_be_renewed(
    fresh_database: TestDatabase, member: Member
) -> None:
    definition = rows_of(fresh_database, "SELECT pg_get_functiondef('definer.jobs_reap'::regproc) AS sql")[0]["sql"]
    restarted = definition.replace("pg_postmaster_start_time()", "(now() - interval '4 seconds')")
    job_id = new_id()
    rows_of(
        fresh_database,
        "INSERT INTO jobs (id, org_id, kind, args, state, attempt, worker_id, lease_until)"
        " VALUES (%s, %s, 'test.light', '{}', 'running', 1, %s, now() - interval '10 seconds')",
        job_id,
        member.org_id,
        new_id(),
    )
    rows_of(fresh_database, restarted)
    assert _reap(fresh_database) == []
    rows_of(fresh_database, restarted.replace("4 seconds", "6 seconds"))
    assert [row["id"] for row in _reap(fresh_database)] == [job_id]


async def test_a_stalled_workers_late_finish_writes_nothing(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, stalled, next_one = await _put(resources, member, Light()), new_id(), new_id()
    await _claim(resources.database, stalled)
    await _start(resources.database, stalled, [job_id])
    _let_lease_run_out(fresh_database)
    _reap(fresh_database)
    await _claim(resources.database, next_one)
    await _start(resources.database, next_one, [job_id])

    async def conclude_late() -> None:
        async with transaction(resources.database, member.scope) as tx:
            await tx.execute(text("UPDATE organisations SET title = 'written late'"))
            await finish_in(tx, _run_of(resources, member, job_id, 1, stalled), "late")

    with pytest.raises(LeaseLost):
        await conclude_late()
    titles = rows_of(fresh_database, "SELECT title FROM organisations WHERE id = %s", member.org_id)
    assert titles == [{"title": member.org_name}]
    async with transaction(resources.database, member.scope) as tx:
        await finish_in(tx, _run_of(resources, member, job_id, 2, next_one), "in time")
    row = job_row(fresh_database, job_id)
    assert (row["state"], row["result"], row["attempt"]) == ("done", "in time", 2)


async def test_a_job_runs_as_its_organisation_and_its_answer_is_kept(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="hello"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    row = job_row(fresh_database, job_id)
    assert row["result"] == {"note": "hello"}
    assert (row["lease_until"], row["worker_id"]) == (None, None)
    assert heard.ran == [("hello", 1)]


async def test_an_answer_with_a_nul_ends_no_other_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    ids = [await _put(resources, member, Light(note=note)) for note in ("a\0b", "fine")]
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: all(job_row(fresh_database, job_id)["state"] == "done" for job_id in ids))
    assert job_row(fresh_database, ids[0])["result"] == {"note": "a\ufffdb"}


async def test_a_new_job_starts_without_waiting_for_a_look(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)):
        await asyncio.sleep(0.3)  # the worker has looked, found nothing, and waits to be woken
        began = time.monotonic()
        await _put(resources, member, Light())
        await eventually(lambda: heard.ran)
    assert time.monotonic() - began < 0.7


async def test_a_failed_job_is_tried_again_later_and_tells_no_secrets(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="fail"))
    heard = Heard(fails=1)
    async with running_worker(resources, *light_handlers(heard)):
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "ready" and r["error"] and r)
        assert row["error"] == {"code": "job_failed", "detail": "RuntimeError: the hub's log has the cause."}
        assert 0.5 <= (row["run_at"] - datetime.now(UTC)).total_seconds() + 1 <= 4
        rows_of(fresh_database, "UPDATE jobs SET run_at = now() WHERE id = %s", job_id)
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    row = job_row(fresh_database, job_id)
    assert (row["attempt"], row["error"]) == (2, None)


async def test_a_job_without_attempts_left_is_dead_and_its_module_told_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="fail"))
    rows_of(fresh_database, "UPDATE jobs SET attempts_max = 1 WHERE id = %s", job_id)
    heard = Heard(fails=1)
    handlers = light_handlers(heard)
    async with running_worker(resources, *handlers, follow_up_handler(Handlers.of(handlers))):
        await eventually(lambda: heard.gave_up)
        await eventually(lambda: not rows_of(fresh_database, "SELECT 1 FROM jobs WHERE state NOT IN ('done', 'dead')"))
    assert job_row(fresh_database, job_id)["state"] == "dead"
    assert heard.gave_up == [("fail", "dead")]


async def test_a_refused_job_is_dead_at_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="refuse"))
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
    row = job_row(fresh_database, job_id)
    assert row["attempt"] == 1
    assert row["error"]["code"] == "senseless"
    assert row["error"]["detail"] == "This job makes no sense."


async def test_a_job_nobody_knows_is_dead_with_the_reason(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, LightHigh())
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
    assert "test.light_high" in job_row(fresh_database, job_id)["error"]["detail"]


async def test_a_module_is_told_once_even_when_the_teller_dies_before_it_ends(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    heard = Heard()
    tell = follow_up_handler(Handlers.of(light_handlers(heard)))
    ended = await _put(resources, member, Light(note="x"))
    await _cancel(resources, member, ended)
    worker = new_id()
    [(told, _, kind)] = await _claim(resources.database, worker)
    assert kind == JobGaveUp.kind
    await _start(resources.database, worker, [told])
    await tell.run(_run_of(resources, member, told, 1, worker), JobGaveUp(job_id=ended))
    assert job_row(fresh_database, told)["state"] == "done"
    with pytest.raises(LeaseLost):
        await tell.run(_run_of(resources, member, told, 1, worker), JobGaveUp(job_id=ended))


async def test_a_waiting_job_is_called_off_at_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="x"))
    assert (await _cancel(resources, member, job_id)).state == "cancelled"
    assert (await _cancel(resources, member, job_id)).state == "cancelled"
    heard = Heard()
    handlers = light_handlers(heard)
    async with running_worker(resources, *handlers, follow_up_handler(Handlers.of(handlers))):
        await eventually(lambda: heard.gave_up)
    assert heard.ran == []
    assert heard.gave_up == [("x", "cancelled")]


@pytest.mark.parametrize("told_by", ["notification", "look"])
async def test_a_running_job_is_called_off_within_a_second(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch, told_by: str
) -> None:
    if told_by == "look":
        _make_listening_impossible(monkeypatch)
    job_id = await _put(resources, member, Light(note="wait"))
    heard = Heard()
    handlers = light_handlers(heard)
    async with running_worker(resources, *handlers, follow_up_handler(Handlers.of(handlers))):
        await eventually(lambda: heard.ran)
        asked = time.monotonic()
        assert (await _cancel(resources, member, job_id)).state == "running"
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "cancelled")
        assert time.monotonic() - asked < 1.0
        await eventually(lambda: heard.gave_up)
    assert heard.gave_up == [("wait", "cancelled")]


async def test_calling_off_what_starts_or_fails_meanwhile_still_calls_it_off(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id, worker = await _put(resources, member, Light()), new_id()
    await _claim(resources.database, worker)
    await _start(resources.database, worker, [job_id])
    async with transaction(resources.database, NOBODY) as failing:
        await failing.execute(text("SELECT definer.jobs_fail(:w, :id, 1, '{}', now())"), {"w": worker, "id": job_id})
        cancelling = asyncio.create_task(_cancel(resources, member, job_id))
        await eventually(
            lambda: rows_of(
                fresh_database,
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
                role="admin",
            )
        )
    assert (await cancelling).state == "cancelled"


async def test_a_stranger_can_neither_see_nor_call_off_a_job(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light())
    stranger = make_member(fresh_database)
    async with transaction(resources.database, stranger.scope) as tx:
        with pytest.raises(JobNotFound):
            await job_for(tx, job_id)
        with pytest.raises(JobNotFound):
            await cancel(tx, job_id)
    assert job_row(fresh_database, job_id)["state"] == "ready"


async def test_a_stopping_worker_lets_light_jobs_end(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)) as worker:
        await eventually(lambda: heard.ran)
        worker.stop.set()
        heard.release.set()
    assert job_row(fresh_database, job_id)["state"] == "done"


async def test_a_stopping_worker_gives_back_what_does_not_end(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.WORKER_DRAIN_SECONDS", 0.2)
    job_id = await _put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)):
        await eventually(lambda: heard.ran)
    row = job_row(fresh_database, job_id)
    assert (row["state"], row["attempt"], row["attempts_max"]) == ("ready", 1, Light.attempts_max + 1)


async def test_a_job_called_off_before_its_first_step_ends(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await _put(resources, member, Light(note="x"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), light_slots=0) as worker:
        await worker._claim_and_start(1, heavy=False)
        worker._stop_job(job_id, "drain")
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "ready")
    assert heard.ran == []


async def test_the_queue_works_without_valkey_and_without_notifications(
    fresh_database: TestDatabase, member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_listening_impossible(monkeypatch)
    settings = settings_for(fresh_database, tmp_path, database_direct_url="postgresql://nobody@/nowhere?host=/nowhere")
    heard = Heard()
    async with open_resources(settings) as resources, running_worker(resources, *light_handlers(heard)):
        job_id = await _put(resources, member, Light(note="x"))
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    assert heard.ran == [("x", 1)]


async def test_a_worker_that_cannot_keep_its_leases_does_not_go_on(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks = asyncio.Event()

    async def broken(_worker: Worker) -> None:
        await breaks.wait()
        raise LookupError("a mistake in the program")

    _make_listening_impossible(monkeypatch)
    monkeypatch.setattr(Worker, "_keep_leases", broken)
    worker = Worker(resources=resources, handlers=Handlers(), light_slots=1, heavy_slots=0, lease_seconds=15)
    running = asyncio.create_task(worker.run())
    await eventually(lambda: cast("QueuePool", resources.database.engine.pool).checkedin())
    breaks.set()
    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await running


async def test_a_round_of_a_schedule_is_queued_once_whoever_comes_when(
    resources: Resources, fresh_database: TestDatabase
) -> None:
    schedule = Schedule(every_seconds=86_400, make=LightBackground)
    keepers = [asyncio.create_task(keep_schedules(resources.database, [schedule])) for _ in range(2)]
    await eventually(lambda: rows_of(fresh_database, "SELECT 1 FROM jobs"))
    rows_of(fresh_database, "UPDATE jobs SET state = 'done'")
    late = asyncio.create_task(keep_schedules(resources.database, [schedule]))
    await eventually(lambda: _has_looked(late))
    assert len(rows_of(fresh_database, "SELECT 1 FROM jobs")) == 1
    for task in (*keepers, late):
        task.cancel()
    await asyncio.gather(*keepers, late, return_exceptions=True)


async def test_the_next_round_comes_at_its_time(resources: Resources, fresh_database: TestDatabase) -> None:
    keeper = asyncio.create_task(keep_schedules(resources.database, [Schedule(every_seconds=1, make=LightBackground)]))
    seen: set[UUID] = set()

    def three() -> bool:
        seen.update(row["id"] for row in rows_of(fresh_database, "UPDATE jobs SET state = 'done' RETURNING id"))
        return len(seen) >= 3

    await eventually(three, seconds=10)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


async def _cancel(resources: Resources, member: Member, job_id: UUID) -> Job:
    async with transaction(resources.database, member.scope) as tx:
        return await cancel(tx, job_id)


def _has_looked(task: "asyncio.Task[None]") -> bool:
    """Whether a keeper of schedules sleeps until the next round."""
    coroutine = task.get_coro()
    awaited = getattr(coroutine, "cr_await", None)
    return getattr(getattr(awaited, "cr_code", None), "co_name", "") == "sleep"


def _make_listening_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_arguments: object) -> None:
        raise OSError("no way to the server")

    monkeypatch.setattr("lyceum.kernel.jobs.worker.Worker._listen_once", refused)


def _fill(database: TestDatabase, member: Member, counts: dict[str, int]) -> None:
    for job_class, count in counts.items():
        rows_of(
            database,
            "INSERT INTO jobs (id, org_id, kind, class, args)"
            " SELECT gen_random_uuid(), %s, 'test.light', %s, '{}' FROM generate_series(1, %s)",
            member.org_id,
            job_class,
            count,
        )


def _let_lease_run_out(database: TestDatabase) -> None:
    rows_of(database, "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")


def _reap(database: TestDatabase) -> list[dict[str, Any]]:
    return rows_of(database, "SELECT * FROM definer.jobs_reap()")
