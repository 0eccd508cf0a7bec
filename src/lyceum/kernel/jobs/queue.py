"""Putting work on the queue, looking at it, and calling it off: all inside the caller's transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Interval, Table, bindparam, case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.models import JobNeedRow, JobRow
from lyceum.kernel.jobs.news import tell_new_after_commit, tell_state_after_commit
from lyceum.kernel.prepared import Prepared
from lyceum.kernel.problems import Conflict, NotFound
from lyceum.kernel.telemetry import origin_of_jobs
from lyceum.kernel.tx import after_commit

JobClass = Literal["high", "normal", "background"]
Lane = Literal["light", "short", "heavy"]
JobState = Literal["waiting", "scheduled", "ready", "running", "done", "dead", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "dead", "cancelled"})
NOT_CLAIMED: frozenset[str] = frozenset({"arrived", "waiting", "scheduled", "ready"})
PRIORITY_STEP = timedelta(minutes=1)
"""How much longer a job has to wait to come before one whose priority is a step higher."""
_SHOWN: dict[str, JobState] = {"arrived": "waiting", "claimed": "ready"}
CANCEL_CHANNEL = "lyceum_jobs_cancel"
WAKE_CHANNEL = "lyceum_jobs"
ADD_ROUNDS_MAX = 5
ATTEMPTS_AT_RETRY_MAX = 5
_JOBS = cast("Table", JobRow.__table__)
_NEEDS = cast("Table", JobNeedRow.__table__)
_RUN_AT = func.coalesce(bindparam("run_at", type_=_JOBS.c.run_at.type), func.now())
_GIVEN = (
    *("id", "org_id", "owner_id", "kind", "class", "lane", "label", "args", "priority", "attempts_max", "seconds_max"),
    *("origin", "dedup_key", "ordering_key", "state"),
)
# No RETURNING: a job of the hub itself may be added by anyone and seen by nobody.
_ADD = Prepared(
    insert(_JOBS)
    .values({name: bindparam(name) for name in _GIVEN})
    .values(run_at=_RUN_AT, turn_at=_RUN_AT - bindparam("ahead_by", type_=Interval))
    .on_conflict_do_nothing()
)
_TELL_WORKERS = text("SELECT pg_notify(:channel, id) FROM unnest(CAST(:job_ids AS text[])) AS id")
_HUB_TWIN = text("SELECT definer.jobs_hub_twin(:id, :key)")
_SCOPE = text("SELECT org_id FROM definer.job_scope(:id)")


class JobArgs(msgspec.Struct, frozen=True, kw_only=True):
    """What a job needs to know: ids, never secrets. A subclass names one kind of work and how it is run.

    What computes in a child process says so by its lane: `heavy` for as long as it takes, `short` for the moment a person
    waits for. What needs room on the disk waits, uncharged, while there is less than the hub keeps in reserve. A `label`
    leaves it to workers that bear it, on a machine with a GPU perhaps. An attempt that takes longer than `seconds_max` is
    ended and fails: without that, one that hangs would keep its slot for ever, since its worker lives and extends its lease.
    """

    kind: ClassVar[str]
    job_class: ClassVar[JobClass] = "normal"
    lane: ClassVar[Lane] = "light"
    label: ClassVar[str] = ""
    attempts_max: ClassVar[int] = 5
    seconds_max: ClassVar[int | None] = None
    needs_room: ClassVar[bool] = False


class JobNotFound(NotFound):
    """No such job in the organisation acted in."""

    code = "job_not_found"


class JobNotAdded(Conflict):
    """A job that cannot be named keeps this one out."""

    code = "job_not_added"


class JobTwinRuns(Conflict):
    """A job cannot be tried again while another with its key is on the queue."""

    code = "job_twin_runs"


class JobNotRetryable(Conflict):
    """A job cannot be tried again when its module has closed what hung on it."""

    code = "job_not_retryable"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its owner sees it."""

    id: UUID
    org_id: UUID | None
    kind: str
    job_class: JobClass
    lane: str
    state: JobState
    priority: int
    attempt: int
    attempts_max: int
    cancel_requested: bool
    result: Any
    error: dict[str, Any] | None
    created_at: datetime
    run_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether the job will not run any more."""
        return self.state in ENDED


async def enqueue(
    tx: AsyncSession,
    args: JobArgs,
    *,
    priority: int = 0,
    run_at: datetime | None = None,
    dedup_key: str | None = None,
    job_id: UUID | None = None,
    ordering_key: str | None = None,
    after: Collection[UUID] = (),
    seconds_max: int | None = None,
    of_hub: bool = False,
) -> UUID:
    """Put a job on the queue for the organisation `tx` works for; it exists when `tx` commits, or never.

    One `of_hub` is the hub's own, whoever adds it: it works for nobody, and no organisation sees it.

    With a `dedup_key` that a waiting or running job of the organisation has, nothing is added; with a `job_id`, nothing
    is added while such a job is remembered. Jobs of an organisation with the same `ordering_key` run one after the other,
    each when the one before has ended, however it ended. A job that comes `after` others runs when all of them are done,
    and is cancelled when one of them is dead or cancelled; raises `JobNotFound` for one that does not exist. An attempt
    may take `seconds_max`, or what its kind says.
    Returns the job's id, or that of the one it would have repeated; raises `JobNotAdded` when that one is not the
    organisation's.
    """
    scope: Scope = NOBODY if of_hub else tx.info["scope"]
    values = {
        "id": job_id or new_id(),
        "org_id": scope.org_id,
        "owner_id": scope.user_id,
        "kind": args.kind,
        "class": args.job_class,
        "lane": args.lane,
        "label": args.label,
        "args": msgspec.to_builtins(args),
        "priority": priority,
        "attempts_max": args.attempts_max,
        "seconds_max": seconds_max or args.seconds_max,
        "origin": origin_of_jobs(),
        "dedup_key": dedup_key,
        "ordering_key": ordering_key,
        "run_at": run_at,
        "ahead_by": priority * PRIORITY_STEP,
        "state": "arrived" if ordering_key or after else "scheduled" if run_at else "ready",
    }
    queued, is_new = await _insert(tx, values)
    if is_new and scope.org_id is not None:
        tell_new_after_commit(tx, queued, _SHOWN.get(values["state"], values["state"]))
    if after and is_new:
        await _note_needs(tx, values, after)
    wake_after_commit(tx)
    return queued


async def _insert(tx: AsyncSession, values: dict[str, Any]) -> tuple[UUID, bool]:
    """Return the job's id, or that of its twin, and whether it was added."""
    for _ in range(ADD_ROUNDS_MAX):
        if await _ADD.run(tx, **values) == 1:
            return values["id"], True
        twin = await _twin(tx, values)
        if twin is not None:
            return twin, False
        # The other one has ended between the two statements, or cannot be seen from here.
    raise JobNotAdded(
        f"A job that cannot be seen here has the id {values['id']} or its key; ask again without that id."
    )


async def _twin(tx: AsyncSession, values: dict[str, Any]) -> UUID | None:
    """Return the job that kept this one out, if it still does."""
    own_id, key = values["id"], values["dedup_key"]
    if values["org_id"] is None:
        found: UUID | None = await tx.scalar(_HUB_TWIN, {"id": own_id, "key": key})
        return found
    own = await tx.scalar(select(JobRow.id).where(JobRow.id == own_id))
    if own is not None or key is None:
        return own
    return await tx.scalar(select(JobRow.id).where(JobRow.dedup_key == key, JobRow.state.not_in(ENDED)))


async def _note_needs(tx: AsyncSession, values: dict[str, Any], after: Collection[UUID]) -> None:
    known = set(await tx.scalars(select(JobRow.id).where(JobRow.id.in_(after))))
    unknown = next((needed for needed in after if needed not in known), None)
    if unknown is not None:
        raise JobNotFound(f"There is no job {unknown} in this organisation for another to follow.")
    needs = [{"job_id": values["id"], "needs_id": needed, "org_id": values["org_id"]} for needed in known]
    await tx.execute(insert(_NEEDS), needs)


async def job_for(tx: AsyncSession, job_id: UUID) -> Job:
    """Return a job of the organisation acted in; raises `JobNotFound`."""
    row = await tx.get(JobRow, job_id, populate_existing=True)
    if row is None:
        raise JobNotFound(f"There is no job {job_id} in this organisation.")
    return as_job(row)


async def organisation_of(tx: AsyncSession, job_id: UUID) -> UUID | None:
    """Return the organisation of a job of whichever it is, None for one of the hub itself; the caller has checked who asks.

    Raises `JobNotFound`.
    """
    row = (await tx.execute(_SCOPE, {"id": job_id})).one_or_none()
    if row is None:
        raise JobNotFound(f"This hub has no job {job_id}.")
    org_id: UUID | None = row.org_id
    return org_id


async def cancel(tx: AsyncSession, job_id: UUID) -> Job:
    """Call a job off: one that waits ends now, one that runs is told within a second. Raises `JobNotFound`.

    Asking twice, or for a job that has ended, changes nothing.
    """
    await _call_off(tx, JobRow.id == job_id)
    return await job_for(tx, job_id)


async def cancel_all(tx: AsyncSession) -> int:
    """Call every job of the organisation acted in off, as `cancel` does one; return how many had not ended."""
    return await _call_off(tx, JobRow.org_id == tx.info["scope"].org_id)


async def _call_off(tx: AsyncSession, which: ColumnElement[bool]) -> int:
    """Cancel those of some jobs that wait and tell the workers of those that run; return how many had not ended."""
    # Locked in an order, since others change several jobs at once too.
    unended = select(JobRow.id).where(which, JobRow.state.not_in(ENDED)).order_by(JobRow.id)
    locked = unended.with_for_update().cte("unended")
    # In one statement, since a job may start or fail between looking at its state and changing it.
    waits = JobRow.state.in_(NOT_CLAIMED)
    called_off = (
        update(JobRow)
        .where(JobRow.id == locked.c.id, JobRow.state.not_in(ENDED))
        .values(
            state=case((waits, "cancelled"), else_=JobRow.state),
            finished_at=case((waits, func.clock_timestamp()), else_=JobRow.finished_at),
            cancel_requested=True,
        )
        .returning(JobRow.id, JobRow.state)
        .execution_options(synchronize_session=False)
    )
    found = (await tx.execute(called_off)).all()
    for row in found:
        if row.state == "cancelled":
            tell_state_after_commit(tx, row.id, "cancelled")
    running = [str(row.id) for row in found if row.state != "cancelled"]
    if running:
        await tx.execute(_TELL_WORKERS, {"channel": CANCEL_CHANNEL, "job_ids": running})
    return len(found)


async def retry(tx: AsyncSession, job_id: UUID, *, final_kinds: Collection[str]) -> Job:
    """Have a job that is dead or cancelled tried again, with as many more attempts as it may have, but at most five.

    It waits again for what it needs and for its turn in its order. One that has not ended, or ended well, is left as it
    is. Returns the job; raises `JobNotFound`, `JobTwinRuns` when a job with its key is on the queue by now, and
    `JobNotRetryable` when it is of a kind whose module was told of its end (`Handlers.final_kinds`).
    """
    row = await tx.get(JobRow, job_id, populate_existing=True, with_for_update=True)
    if row is None:
        raise JobNotFound(f"There is no job {job_id} in this organisation.")
    if row.state in {"dead", "cancelled"}:
        if row.kind in final_kinds:
            raise JobNotRetryable("What hung on this job was closed when it ended; start it anew where it came from.")
        if await _has_twin(tx, row):
            raise JobTwinRuns(f"Another job with the key {row.dedup_key!r} is on the queue; nothing was tried again.")
        await tx.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(
                state="arrived" if row.ordering_key or await _has_needs(tx, job_id) else "ready",
                attempts_max=row.attempt + min(row.attempts_max, ATTEMPTS_AT_RETRY_MAX),
                cancel_requested=False,
                run_at=func.now(),
                turn_at=func.now() - row.priority * PRIORITY_STEP,
                finished_at=None,
            )
        )
        wake_after_commit(tx)
        job = await job_for(tx, job_id)
        tell_state_after_commit(tx, job_id, job.state)
        return job
    return await job_for(tx, job_id)


async def _has_twin(tx: AsyncSession, row: JobRow) -> bool:
    if row.dedup_key is None:
        return False
    twins = select(JobRow.id).where(JobRow.dedup_key == row.dedup_key, JobRow.state.not_in(ENDED))
    return await tx.scalar(twins) is not None


async def _has_needs(tx: AsyncSession, job_id: UUID) -> bool:
    needs = select(JobNeedRow.needs_id).where(JobNeedRow.job_id == job_id).limit(1)
    return await tx.scalar(needs) is not None


def wake_after_commit(tx: AsyncSession) -> None:
    """Have the workers look at the queue once `tx` has committed."""
    if "wakes_workers" not in tx.info:
        tx.info["wakes_workers"] = True
        after_commit(tx, tx.info["wake_workers"])


def shown_state(kept: str) -> JobState:
    """Return the state that a job's owner is told, of the one that is kept."""
    return _SHOWN.get(kept, cast("JobState", kept))


def as_job(row: JobRow) -> Job:
    """Return the row as its owner sees it."""
    return Job(
        id=row.id,
        org_id=row.org_id,
        kind=row.kind,
        job_class=cast("JobClass", row.job_class),
        lane=row.lane,
        priority=row.priority,
        state=shown_state(row.state),
        attempt=row.attempt,
        attempts_max=row.attempts_max,
        cancel_requested=row.cancel_requested,
        result=row.result,
        error=row.error,
        created_at=row.created_at,
        run_at=row.run_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
