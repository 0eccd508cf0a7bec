"""Whatever is done to the queue in whatever order, it agrees with a model of it that fits on a page."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row

from fixtures.job_kinds import Light, LightBackground, LightHigh, LightOnGpu
from fixtures.queue import reap
from fixtures.servers import TestDatabase
from lyceum.kernel.db import Database, open_database
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Attempt, Claims, Wanted
from lyceum.kernel.jobs.queue import JobTwinRuns, cancel, enqueue, retry
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

T = TypeVar("T")
WORKERS = 2
LATER = timedelta(hours=1)

KINDS: list[type[Light]] = [Light, LightHigh, LightBackground, LightOnGpu]
# one takes everything, the other what has no label and no time to wait
TAKE = [
    Wanted([kind.kind for kind in KINDS], labels=("gpu", "")),
    Wanted([kind.kind for kind in KINDS], classes=("high", "normal")),
]
# mostly the worker that holds the job speaks of it, now and then another
whose = st.sampled_from(["holder", "holder", "holder", "other"])
orgs = st.sampled_from([0, 0, 1])
keys = st.sampled_from([None, "a", "a", "b"])


@dataclass(frozen=True)
class Put:
    """How a job is put on the queue."""

    org: int
    key: str | None
    backs: list[int]
    kind: type[Light]
    priority: int
    later: bool
    dedup_key: str | None


puts = st.builds(
    Put,
    org=orgs,
    key=keys,
    backs=st.lists(st.integers(1, 4), max_size=2, unique=True),
    kind=st.sampled_from([Light, *KINDS]),
    priority=st.integers(-2, 2),
    later=st.sampled_from([False, False, False, True]),
    dedup_key=st.sampled_from([None, None, "x", "y"]),
)
ACTIVE = {"claimed", "running"}
ENDED = {"done", "dead", "cancelled"}


@dataclass(eq=False)
class Known:
    """What the model knows of a job."""

    member: Member
    put: Put
    needs: list[UUID]
    later: bool
    state: str = "ready"
    attempt: int = 0
    attempts_max: int = Light.attempts_max
    holder: int | None = None
    called_off: bool = False
    lane: str = "light"


@dataclass
class Bench:
    """What the machines of a test share."""

    database: TestDatabase
    owner: psycopg.Connection[dict[str, Any]]
    opened: Database
    members: list[Member]
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        cursor = self.owner.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


class Queue(RuleBasedStateMachine):
    """Jobs of two organisations, two workers at a time, and everything that may happen to either.

    No rule has a precondition: which of several jobs a worker is given is the queue's to choose, by the clock among other
    things, so what the model knows after it may differ when Hypothesis draws the same steps again.
    """

    bench: Bench
    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.bench.rows("TRUNCATE jobs CASCADE")
        self.bench.rows("TRUNCATE job_usage")
        self.workers: list[Claims] = [self._worker(number) for number in range(WORKERS)]
        self.known: dict[UUID, Known] = {}

    @initialize(target=jobs, drawn=st.lists(puts, min_size=4, max_size=8))
    def begin(self, drawn: list[Put]) -> Any:
        return multiple(*[self._put(put) for put in drawn])

    @rule(target=jobs, put=puts)
    def put(self, put: Put) -> UUID:
        return self._put(put)

    @rule()
    def time_passes(self) -> None:
        """Bring the time that jobs wait for, as the clock of the database cannot be set."""
        self.bench.rows(
            "UPDATE jobs SET run_at = run_at - %s, turn_at = turn_at - %s WHERE run_at > now()", *[2 * LATER] * 2
        )
        for job in self.known.values():
            job.later = False

    @rule(
        target=jobs,
        worker=st.integers(0, WORKERS - 1),
        slots=st.integers(1, 3),
        solo=st.sampled_from([False, False, True]),
    )
    def claim(self, worker: int, slots: int, solo: bool) -> Any:  # noqa: FBT001 drawn by Hypothesis
        lane = "solo" if solo else "light"
        self._settle()
        claimable = {i for i in self.known if self._may_run(i) and self._is_for(worker, i, lane)}
        order = [row["id"] for row in self.bench.rows("SELECT id FROM jobs ORDER BY turn_at, id")]
        rows = self.bench.do(self.workers[worker].claim(lane, slots))  # type: ignore[arg-type]  # one of two
        taken = {row.id for row in rows}
        assert taken <= claimable
        assert len(taken) == len(rows) == min(slots, len(claimable))
        for job_id in taken:
            # nothing that is taken was put before another that came first in its organisation, class and label
            ahead = {
                i for i in order[: order.index(job_id)] if i in claimable and self._turns(i) == self._turns(job_id)
            }
            assert ahead <= taken
        for row in rows:
            job = self.known[row.id]
            assert row.attempt == job.attempt + 1
            job.state, job.holder = "claimed", worker
        return multiple()

    @rule(job_id=jobs, who=whose)
    def start(self, job_id: UUID, who: str) -> None:
        job, worker = self._asked(job_id, who)
        started = self.bench.do(self.workers[worker].start([Attempt(job_id, job.attempt + 1)]))
        may = job.holder == worker and job.state == "claimed" and not job.called_off
        assert set(started) == ({Attempt(job_id, job.attempt + 1)} if may else set())
        if may:
            job.state, job.attempt = "running", job.attempt + 1

    @rule(job_id=jobs, who=whose, attempt_off=st.sampled_from([0, 0, 0, 1]))
    def finish(self, job_id: UUID, who: str, attempt_off: int) -> None:
        job, worker = self._asked(job_id, who)
        self.bench.do(self.workers[worker].finish({Attempt(job_id, job.attempt - attempt_off): '"x"'}))
        if self._holds(job, worker) and attempt_off == 0:
            self._end(job, "done")

    @rule(job_id=jobs, who=whose, again=st.sampled_from([None, timedelta(0), LATER]))
    def fail(self, job_id: UUID, who: str, again: timedelta | None) -> None:
        job, worker = self._asked(job_id, who)
        self.bench.do(self.workers[worker].fail(Attempt(job_id, job.attempt), {"code": "x"}, again))
        if not self._holds(job, worker):
            return
        if job.called_off:
            self._end(job, "cancelled")
        elif again is None or job.attempt >= job.attempts_max:
            self._end(job, "dead")
        else:
            job.state, job.holder, job.later = "ready", None, again > timedelta(0)

    @rule(job_id=jobs)
    def call_off(self, job_id: UUID) -> None:
        job = self.known[job_id]

        async def work() -> None:
            async with transaction(self.bench.opened, job.member.scope) as tx:
                await cancel(tx, job_id)

        self._settle()
        self.bench.do(work())
        if job.state in ACTIVE:
            job.called_off = True
        elif job.state not in ENDED:
            job.called_off = True
            self._end(job, "cancelled")

    @rule(job_id=jobs, who=whose)
    def stop_called_off(self, job_id: UUID, who: str) -> None:
        job, worker = self._asked(job_id, who)
        number = job.attempt + (job.state == "claimed")
        self.bench.do(self.workers[worker].cancelled(Attempt(job_id, number)))
        if job.holder == worker and job.state in ACTIVE and job.called_off:
            self._end(job, "cancelled")

    @rule(job_id=jobs, who=whose)
    def give_back(self, job_id: UUID, who: str) -> None:
        job, worker = self._asked(job_id, who)
        number = job.attempt + (job.state == "claimed")
        self.bench.do(self.workers[worker].give_back(Attempt(job_id, number)))
        if job.holder != worker or job.state not in ACTIVE:
            return
        job.attempts_max += job.state == "running"
        if job.called_off:
            self._end(job, "cancelled")
        else:
            job.state, job.holder = "ready", None

    @rule(worker=st.integers(0, WORKERS - 1))
    def lose_worker(self, worker: int) -> None:
        self.bench.rows(
            "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE worker_id = %s",
            self.workers[worker].worker_id,
        )
        reap(self.bench.database)
        for job in self.known.values():
            if job.holder != worker or job.state not in ACTIVE:
                continue
            ran = job.state == "running"
            if job.called_off:
                self._end(job, "cancelled")
            elif ran and job.attempt >= job.attempts_max:
                self._end(job, "dead")
            else:
                job.state, job.holder = "ready", None
            job.lane = "solo" if ran else job.lane
        self.workers[worker] = self._worker(worker)

    @rule(job_id=jobs)
    def try_again(self, job_id: UUID) -> None:
        job = self.known[job_id]

        async def work() -> None:
            async with transaction(self.bench.opened, job.member.scope) as tx:
                await retry(tx, job_id, final_kinds=())

        self._settle()
        # one that goes by a key, or whose needs failed, is put in its place again: other tests tell of that
        if job.state not in {"dead", "cancelled"} or job.put.key is not None or job.needs:
            return
        if self._twin(job.member, job.put.dedup_key) is not None:
            with pytest.raises(JobTwinRuns):
                self.bench.do(work())
            return
        self.bench.do(work())
        job.later = False
        job.state, job.called_off, job.attempts_max = "ready", False, job.attempt + min(job.attempts_max, 5)

    @invariant()
    def agrees(self) -> None:
        self._settle()
        rows = self.bench.rows("SELECT * FROM jobs WHERE kind LIKE 'test.%'")
        assert {row["id"] for row in rows} == set(self.known)
        for row in rows:
            job = self.known[row["id"]]
            shown = "ready" if row["state"] in {"arrived", "waiting", "scheduled"} else row["state"]
            assert (shown, row["attempt"], row["lane"]) == (job.state, job.attempt, job.lane), row
            assert (row["state"] == "ready") == self._may_run(row["id"]), row
            ahead_by = row["run_at"] - row["turn_at"] - timedelta(minutes=job.put.priority)
            assert abs(ahead_by) < timedelta(seconds=30), row
            assert (row["state"] in ACTIVE) == (row["worker_id"] is not None) == (row["lease_until"] is not None)

    def teardown(self) -> None:
        """Everything that is left can be run to its end by one living worker: nothing was lost."""
        for number in range(WORKERS):
            self.lose_worker(number)
        self.time_passes()
        worker = self.workers[0]
        taken: list[Any] = ["something"]
        while taken:
            taken = [row for lane in ("light", "solo") for row in self.bench.do(worker.claim(lane, 10))]
            started = self.bench.do(worker.start([Attempt(row.id, row.attempt) for row in taken]))
            self.bench.do(worker.finish(dict.fromkeys(started, "null")))
        left = self.bench.rows("SELECT state, kind FROM jobs WHERE state NOT IN ('done','dead','cancelled')")
        assert [row for row in left if row["kind"].startswith("test.")] == []

    def _put(self, put: Put) -> UUID:
        """Put a job on the queue that needs those put so many before it for the same organisation."""
        member = self.bench.members[put.org]
        own = [job_id for job_id, job in self.known.items() if job.member is member]
        needs = [own[-back] for back in put.backs if back <= len(own)]
        options: dict[str, Any] = {
            "ordering_key": put.key,
            "priority": put.priority,
            "dedup_key": put.dedup_key,
            "after": needs,
        }
        run_at = datetime.now(UTC) + LATER if put.later else None

        async def work() -> UUID:
            async with transaction(self.bench.opened, member.scope) as tx:
                return await enqueue(tx, put.kind(), run_at=run_at, **options)

        self._settle()
        twin = self._twin(member, put.dedup_key)
        job_id = self.bench.do(work())
        assert twin in {None, job_id}
        if twin is None:
            assert job_id not in self.known
            self.known[job_id] = Known(member, put, needs, put.later)
        return job_id

    def _twin(self, member: Member, dedup_key: str | None) -> UUID | None:
        """Return the job of the organisation that has not ended and has this key."""
        for job_id, job in self.known.items():
            if dedup_key and job.state not in ENDED and (job.member, job.put.dedup_key) == (member, dedup_key):
                return job_id
        return None

    def _is_for(self, worker: int, job_id: UUID, lane: str) -> bool:
        kind, wanted = self.known[job_id].put.kind, TAKE[worker]
        return self.known[job_id].lane == lane and kind.job_class in wanted.classes and kind.label in wanted.labels

    def _turns(self, job_id: UUID) -> tuple[UUID, str, str]:
        job = self.known[job_id]
        return job.member.org_id, job.put.kind.job_class, job.put.kind.label

    def _asked(self, job_id: UUID, who: str) -> tuple[Known, int]:
        job = self.known[job_id]
        holder = job.holder or 0
        return job, holder if who == "holder" else (holder + 1) % WORKERS

    def _worker(self, number: int) -> Claims:
        return Claims(self.bench.opened, new_id(), TAKE[number], timedelta(seconds=15))

    def _holds(self, job: Known, worker: int) -> bool:
        return job.holder == worker and job.state == "running"

    def _end(self, job: Known, state: str) -> None:
        job.state, job.holder = state, None
        self._settle()

    def _settle(self) -> None:
        """Cancel what needed a job that did not succeed, and what needed that."""
        self.bench.rows("SELECT definer.jobs_due()")
        changed = True
        while changed:
            changed = False
            for job in self.known.values():
                waits = job.state == "ready" and job.attempt == 0
                if waits and any(self.known[needed].state in {"dead", "cancelled"} for needed in job.needs):
                    job.state, changed = "cancelled", True

    def _may_run(self, job_id: UUID) -> bool:
        job = self.known[job_id]
        if job.state != "ready" or job.later or any(self.known[needed].state != "done" for needed in job.needs):
            return False
        in_order = (i for i, other in self.known.items() if self._same_order(job, other) and other.state not in ENDED)
        return job.put.key is None or next(in_order) == job_id

    def _same_order(self, job: Known, other: Known) -> bool:
        return (other.member, other.put.key) == (job.member, job.put.key)


@pytest.mark.parametrize("examples", [8, pytest.param(200, marks=[pytest.mark.deep, pytest.mark.timeout(1800)])])
def test_the_queue_agrees_with_its_model(fresh_database: TestDatabase, examples: int) -> None:
    members = [make_member(fresh_database) for _ in range(2)]
    opened = open_database(fresh_database.app_url, pool_size=2)
    owner = psycopg.connect(fresh_database.dsn("owner"), autocommit=True, row_factory=dict_row)
    bench = Bench(fresh_database, owner, opened, members)
    machine = type("BenchedQueue", (Queue,), {"bench": bench})
    try:
        # what is found is told as it was found: to make it shorter would take minutes at a real database
        phases = (Phase.reuse, Phase.generate)
        wanted = settings(max_examples=examples, stateful_step_count=40, deadline=None, phases=phases)
        run_state_machine_as_test(machine, settings=wanted)
    finally:
        owner.close()
        bench.do(opened.close())
        bench.runner.close()
