"""Putting work on the queue, looking at it, and calling it off: all inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import CursorResult, Table, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.models import JobRow
from lyceum.kernel.problems import Conflict, NotFound
from lyceum.kernel.tx import after_commit

JobClass = Literal["high", "normal", "background"]
JobState = Literal["ready", "claimed", "running", "done", "dead", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "dead", "cancelled"})
CANCEL_CHANNEL = "lyceum_jobs_cancel"
WAKE_CHANNEL = "lyceum_jobs"
ADD_ROUNDS_MAX = 5
_JOBS = cast("Table", JobRow.__table__)
_HUB_TWIN = text("SELECT definer.jobs_hub_twin(:id, :key)")


class JobArgs(msgspec.Struct, frozen=True, kw_only=True):
    """What a job needs to know: ids, never secrets. A subclass names one kind of work and how it is run.

    What computes in a child process says so: `heavy` for as long as it takes, `short` for the moment a person waits for.
    """

    kind: ClassVar[str]
    job_class: ClassVar[JobClass] = "normal"
    heavy: ClassVar[bool] = False
    short: ClassVar[bool] = False
    attempts_max: ClassVar[int] = 5


class JobNotFound(NotFound):
    """No such job in the organisation acted in."""

    code = "job_not_found"


class JobNotAdded(Conflict):
    """A job that cannot be named keeps this one out."""

    code = "job_not_added"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its owner sees it."""

    id: UUID
    kind: str
    state: JobState
    attempt: int
    attempts_max: int
    cancel_requested: bool
    result: Any
    error: dict[str, Any] | None
    created_at: datetime
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
) -> UUID:
    """Put a job on the queue for the organisation `tx` works for; it exists when `tx` commits, or never.

    With a `dedup_key` that a waiting or running job of the organisation has, nothing is added; with a `job_id`, nothing
    is added while such a job is remembered. Returns the job's id, or that of the one it would have repeated; raises
    `JobNotAdded` when that one is not the organisation's.
    """
    scope: Scope = tx.info["scope"]
    values = {
        "id": job_id or new_id(),
        "org_id": scope.org_id,
        "owner_id": scope.user_id,
        "kind": args.kind,
        "class": args.job_class,
        "heavy": args.heavy,
        "short": args.short,
        "args": msgspec.to_builtins(args),
        "priority": priority,
        "attempts_max": args.attempts_max,
        "dedup_key": dedup_key,
    }
    if run_at is not None:
        values["run_at"] = run_at
    queued = await _insert(tx, values)
    if "wakes_workers" not in tx.info:
        tx.info["wakes_workers"] = True
        after_commit(tx, tx.info["wake_workers"])
    return queued


async def _insert(tx: AsyncSession, values: dict[str, Any]) -> UUID:
    # No RETURNING: a job of the hub itself may be added by anyone and seen by nobody.
    statement = insert(_JOBS).values(values).on_conflict_do_nothing()
    for _ in range(ADD_ROUNDS_MAX):
        added = cast("CursorResult[Any]", await tx.execute(statement)).rowcount == 1
        twin: UUID | None = values["id"] if added else await _twin(tx, values)
        if twin is not None:
            return twin
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


async def job_for(tx: AsyncSession, job_id: UUID) -> Job:
    """Return a job of the organisation acted in; raises `JobNotFound`."""
    row = await tx.get(JobRow, job_id, populate_existing=True)
    if row is None:
        raise JobNotFound(f"There is no job {job_id} in this organisation.")
    return as_job(row)


async def cancel(tx: AsyncSession, job_id: UUID) -> Job:
    """Call a job off: one that waits ends now, one that runs is told within a second. Raises `JobNotFound`.

    Asking twice, or for a job that has ended, changes nothing.
    """
    # Locked, since a job may start or fail between looking at its state and changing it.
    state = await tx.scalar(select(JobRow.state).where(JobRow.id == job_id).with_for_update())
    this = update(JobRow).where(JobRow.id == job_id)
    if state == "ready":
        await tx.execute(this.values(state="cancelled", cancel_requested=True, finished_at=text("clock_timestamp()")))
    elif state is not None and state not in ENDED:
        await tx.execute(this.values(cancel_requested=True))
        await tx.execute(text("SELECT pg_notify(:channel, :id)"), {"channel": CANCEL_CHANNEL, "id": str(job_id)})
    return await job_for(tx, job_id)


def as_job(row: JobRow) -> Job:
    """Return the row as its owner sees it."""
    return Job(
        id=row.id,
        kind=row.kind,
        state="ready" if row.state == "claimed" else row.state,  # type: ignore[arg-type]  # a checked column
        attempt=row.attempt,
        attempts_max=row.attempts_max,
        cancel_requested=row.cancel_requested,
        result=row.result,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
