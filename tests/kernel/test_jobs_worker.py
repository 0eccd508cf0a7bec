"""A worker: it runs each job as its organisation, tries again, lets itself be told to stop, and charges what it starts."""

import asyncio
import socket
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import QueuePool, text

from fixtures.app import eventually, job_row, rows_of, running_worker, settings_for
from fixtures.job_kinds import Heard, Light, LightHigh, Short, heavy_handler, light_handlers
from fixtures.own_database import member, resources
from fixtures.queue import call_off, fail_once, put, run_of, worker_on
from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.attempts import Running
from lyceum.kernel.jobs.children import Child
from lyceum.kernel.jobs.claims import Attempt, Claims
from lyceum.kernel.jobs.ending import LeaseLost
from lyceum.kernel.jobs.followup import JobGaveUp, follow_up_handler
from lyceum.kernel.jobs.handlers import Handlers
from lyceum.kernel.jobs.queue import CANCEL_CHANNEL
from lyceum.kernel.jobs.wake import WorkerWaker
from lyceum.kernel.jobs.worker import STOPS_POLL_SECONDS, Worker
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

__all__ = ["member", "resources"]


async def test_a_job_runs_as_its_organisation_and_its_answer_is_kept(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="hello"))
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
    ids = [await put(resources, member, Light(note=note)) for note in ("a\0b", "fine")]
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: all(job_row(fresh_database, job_id)["state"] == "done" for job_id in ids))
    assert job_row(fresh_database, ids[0])["result"] == {"note": "a\ufffdb"}


async def test_a_new_job_starts_without_waiting_for_a_look(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.POLL_SECONDS", 3600.0)
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)) as worker:
        await eventually(lambda: _listens(fresh_database))
        await eventually(lambda: _waits_to_be_woken(worker))
        await put(resources, member, Light())
        await eventually(lambda: heard.ran)


async def test_a_failed_job_is_tried_again_later_and_tells_no_secrets(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="fail"))
    heard = Heard(fails=1)
    async with running_worker(resources, *light_handlers(heard)):
        row = await eventually(lambda: (r := job_row(fresh_database, job_id))["state"] == "scheduled" and r)
        assert row["error"] == {"code": "job_failed", "detail": "RuntimeError: the hub's log has the cause."}
        assert 0.5 <= (row["run_at"] - datetime.now(UTC)).total_seconds() + 1 <= 4
        rows_of(fresh_database, "UPDATE jobs SET run_at = now() WHERE id = %s", job_id)
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    row = job_row(fresh_database, job_id)
    assert (row["attempt"], row["error"]) == (2, None)


async def test_a_job_without_attempts_left_is_dead_and_its_module_told_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="fail"))
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
    job_id = await put(resources, member, Light(note="refuse"))
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "dead")
    row = job_row(fresh_database, job_id)
    assert row["attempt"] == 1
    assert row["error"]["code"] == "senseless"
    assert row["error"]["detail"] == "This job makes no sense."


async def test_a_job_of_a_kind_it_does_not_know_is_left_to_a_worker_that_does(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    unknown = await put(resources, member, LightHigh())
    known = await put(resources, member, Light())
    async with running_worker(resources, *light_handlers(Heard())):
        await eventually(lambda: job_row(fresh_database, known)["state"] == "done")
        row = job_row(fresh_database, unknown)
        assert (row["state"], row["attempt"], row["error"]) == ("ready", 0, None)
        async with running_worker(resources, *light_handlers(Heard(), LightHigh)):
            await eventually(lambda: job_row(fresh_database, unknown)["state"] == "done")


async def test_a_deadlock_does_not_cost_a_batch_of_done_jobs(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    fail_once(fresh_database, "NEW.state = 'done'", sqlstate="40P01")
    ids = [await put(resources, member, Light(note=str(number))) for number in range(3)]
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)):
        await eventually(lambda: all(job_row(fresh_database, job_id)["state"] == "done" for job_id in ids))
    assert sorted(heard.ran) == [(str(number), 1) for number in range(3)]


async def test_what_the_database_does_not_take_ends_no_job_but_its_own(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    rows_of(fresh_database, "ALTER TABLE jobs ADD CHECK (result IS NULL OR result->>'note' <> 'bad')")
    ids = [await put(resources, member, Light(note=note)) for note in ("good", "bad", "fine")]
    worker = worker_on(resources.database)
    await worker.claim("light", 10)
    attempts = [Attempt(job_id, 1) for job_id in ids]
    assert set(await worker.start(attempts)) == set(attempts)
    notes = ('{"note": "good"}', '{"note": "bad"}', '{"note": "fine"}')
    assert await worker.finish(dict(zip(attempts, notes, strict=True)))
    assert [job_row(fresh_database, job_id)["state"] for job_id in ids] == ["done", "running", "done"]


@pytest.mark.parametrize("beats", [False, True])
async def test_a_worker_that_claims_its_own_lost_job_again_runs_the_new_attempt_alone(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch, *, beats: bool
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.BEAT_SECONDS_MAX", 0.1 if beats else 3600.0)
    job_id = await put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), lease_seconds=14_400) as worker:
        await eventually(lambda: heard.ran)
        rows_of(fresh_database, "UPDATE jobs SET state = 'ready', worker_id = NULL, lease_until = NULL")
        await eventually(lambda: len(heard.ran) == 2)
        await eventually(lambda: list(worker._running) == [Attempt(job_id, 2)])
        lease = job_row(fresh_database, job_id)["lease_until"]
        await eventually(lambda: not beats or job_row(fresh_database, job_id)["lease_until"] > lease)
        heard.release.set()
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "done")
    assert heard.ran == [("wait", 1), ("wait", 2)]
    assert job_row(fresh_database, job_id)["attempt"] == 2


async def test_what_a_beat_says_of_an_attempt_is_not_said_of_the_same_one_claimed_anew(
    resources: Resources, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.BEAT_SECONDS_MAX", 0.01)
    beats = 0
    before, anew = (Running("light", held_at=time.monotonic()) for _ in range(2))
    attempt = Attempt(new_id(), 1)

    async def beat(_claims: Claims, held: Collection[Attempt]) -> dict[Attempt, str | None]:
        nonlocal beats
        beats += attempt in held
        if attempt in held and beats == 1:
            worker._running[attempt] = anew
            return {attempt: "lost"}
        return {}

    monkeypatch.setattr(Claims, "beat", beat)
    async with running_worker(resources, *light_handlers(Heard())) as worker:
        worker._running[attempt] = before
        await eventually(lambda: beats > 1)
        assert anew.stopping is None
        del worker._running[attempt]


async def test_a_job_called_off_between_claim_and_start_never_runs(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light())
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), light_slots=0) as worker:
        await worker._take("light", 1)
        rows_of(fresh_database, "UPDATE jobs SET cancel_requested = true")
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "cancelled")
    assert heard.ran == []
    assert job_row(fresh_database, job_id)["attempt"] == 0


async def test_a_module_is_told_once_even_when_the_teller_dies_before_it_ends(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    heard = Heard()
    tell = follow_up_handler(Handlers.of(light_handlers(heard)))
    ended = await put(resources, member, Light(note="x"))
    await call_off(resources, member, ended)
    worker = worker_on(resources.database)
    [row] = await worker.claim("light", 10)
    assert row.kind == JobGaveUp.kind
    told = row.id
    await worker.start([Attempt(told, 1)])
    await tell.run(run_of(resources, member, told, 1, worker), JobGaveUp(job_id=ended))
    assert job_row(fresh_database, told)["state"] == "done"
    with pytest.raises(LeaseLost):
        await tell.run(run_of(resources, member, told, 1, worker), JobGaveUp(job_id=ended))


async def test_a_waiting_job_is_called_off_at_once(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="x"))
    assert (await call_off(resources, member, job_id)).state == "cancelled"
    assert (await call_off(resources, member, job_id)).state == "cancelled"
    heard = Heard()
    handlers = light_handlers(heard)
    async with running_worker(resources, *handlers, follow_up_handler(Handlers.of(handlers))):
        await eventually(lambda: heard.gave_up)
    assert heard.ran == []
    assert heard.gave_up == [("x", "cancelled")]


@pytest.mark.parametrize("told_by", ["notification", "look"])
async def test_a_running_job_is_called_off(
    resources: Resources, fresh_database: TestDatabase, member: Member, monkeypatch: pytest.MonkeyPatch, told_by: str
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.BEAT_SECONDS_MAX", 3600.0)
    if told_by == "look":
        assert STOPS_POLL_SECONDS < 1.0
        _make_listening_impossible(monkeypatch)
    else:
        monkeypatch.setattr("lyceum.kernel.jobs.worker.STOPS_POLL_SECONDS", 3600.0)
    job_id = await put(resources, member, Light(note="wait"))
    heard = Heard()
    handlers = light_handlers(heard)
    tell = follow_up_handler(Handlers.of(handlers))
    async with running_worker(resources, *handlers, tell, lease_seconds=14_400):
        await eventually(lambda: heard.ran)
        await eventually(lambda: told_by == "look" or _listens(fresh_database))
        assert (await call_off(resources, member, job_id)).state == "running"
        await eventually(lambda: job_row(fresh_database, job_id)["state"] == "cancelled")
        await eventually(lambda: heard.gave_up)
    assert heard.gave_up == [("wait", "cancelled")]


async def test_an_end_that_takes_long_to_write_holds_up_as_many_jobs_as_there_are_slots(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    first = await put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), light_slots=1) as worker:
        await eventually(lambda: heard.ran)
        async with transaction(resources.database, member.scope) as tx:
            await tx.execute(text("SELECT FROM jobs WHERE id = :id FOR UPDATE"), {"id": first})
            others = [await put(resources, member, Light(note=note)) for note in ("second", "third")]
            heard.release.set()
            await eventually(lambda: len(worker._finishes) == 2 and not worker._running)
            assert not await worker._claim()
            assert [note for note, _ in heard.ran] == ["wait", "second"]
        await eventually(lambda: all(job_row(fresh_database, job_id)["state"] == "done" for job_id in others))


async def test_a_stopping_worker_lets_light_jobs_end(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="wait"))
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
    job_id = await put(resources, member, Light(note="wait"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard)):
        await eventually(lambda: heard.ran)
    row = job_row(fresh_database, job_id)
    assert (row["state"], row["attempt"], row["attempts_max"]) == ("ready", 1, Light.attempts_max + 1)


async def test_a_job_called_off_before_its_first_step_ends(
    resources: Resources, fresh_database: TestDatabase, member: Member
) -> None:
    job_id = await put(resources, member, Light(note="x"))
    heard = Heard()
    async with running_worker(resources, *light_handlers(heard), light_slots=0) as worker:
        await worker._take("light", 1)
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
        job_id = await put(resources, member, Light(note="x"))
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


async def test_a_worker_does_not_wait_for_spare_children_that_do_not_end(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.worker.WORKER_CLOSE_SECONDS_MAX", 0.02)
    end, ending = Child.end, []

    async def never(child: Child) -> int:
        ending.append(child)
        return await asyncio.Future()

    monkeypatch.setattr(Child, "end", never)
    async with running_worker(
        resources, heavy_handler(Heard()), heavy_handler(Heard(), Short), heavy_slots=1
    ) as worker:
        await eventually(lambda: all(runner._spare for runner in worker.lanes.runners.values()))
    assert len(ending) == 2
    for child in ending:
        await end(child)


async def test_a_server_that_does_not_answer_keeps_no_process_that_would_wake_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lyceum.kernel.jobs.wake.LAST_WAKE_SECONDS_MAX", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        waker = WorkerWaker(f"postgresql://app@127.0.0.1:{server.getsockname()[1]}/lyceum")
        await waker.wake()
        silent, _ = await asyncio.get_running_loop().sock_accept(server)
        with silent:
            async with asyncio.timeout(3):
                await waker.close()


def _listens(database: TestDatabase) -> bool:
    """Whether a worker has asked for both kinds of notification."""
    query = "SELECT 1 FROM pg_stat_activity WHERE query = %s AND state = 'idle' AND datname = current_database()"
    return bool(rows_of(database, query, f"LISTEN {CANCEL_CHANNEL}", role="admin"))


def _waits_to_be_woken(worker: Worker) -> bool:
    return bool(worker._wake._waiters)


def _make_listening_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_arguments: object) -> None:
        raise OSError("no way to the server")

    monkeypatch.setattr("lyceum.kernel.jobs.worker.Worker._listen_once", refused)
