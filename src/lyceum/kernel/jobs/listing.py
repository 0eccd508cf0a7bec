"""Jobs in lists: those of an organisation, and for whoever runs the hub those of all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.jobs.models import JobRow
from lyceum.kernel.jobs.queue import Job, JobState, as_job, shown_state

DEAD_COUNTED_MAX = 1000

_DEPTH = text(
    "SELECT state, kind, sum(jobs) AS jobs, max(oldest_seconds) AS oldest_seconds FROM definer.jobs_depth() GROUP BY 1, 2"
)
_DEAD = text("SELECT count(*) FROM definer.jobs_of_all(ARRAY['dead'], NULL, NULL, :at_most)")
_STATES_OF: dict[JobState, tuple[str, ...]] = {"waiting": ("arrived", "waiting"), "ready": ("ready", "claimed")}


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many jobs of a kind are in a state, and for how long the first of them has been due."""

    kind: str
    state: JobState
    jobs: int
    oldest_seconds: float


async def list_jobs(
    tx: AsyncSession,
    *,
    states: Sequence[JobState] = (),
    kind: str | None = None,
    limit: int,
    before: UUID | None = None,
) -> list[Job]:
    """Return jobs of the organisation acted in, newest first, from the one before `before` on.

    The news of jobs that ended without success travels as jobs, too; these are left out unless their kind is asked for.
    """
    query = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
    if states:
        query = query.where(JobRow.state.in_(_as_kept(states)))
    query = query.where(JobRow.kind == kind if kind is not None else JobRow.kind != "jobs.gave_up")
    if before is not None:
        query = query.where(JobRow.id < before)
    return [as_job(row) for row in await tx.scalars(query)]


async def list_all_jobs(
    tx: AsyncSession,
    *,
    states: Sequence[JobState] = (),
    kind: str | None = None,
    limit: int,
    before: UUID | None = None,
) -> list[Job]:
    """Return jobs of all organisations and of the hub itself, newest first; the caller has checked who asks."""
    found = func.definer.jobs_of_all(_as_kept(states) or None, kind, before, limit)
    rows = await tx.scalars(select(JobRow).from_statement(select(found.table_valued(*JobRow.__table__.columns))))
    return [as_job(row) for row in rows]


async def count_open_jobs(tx: AsyncSession) -> list[KindCount]:
    """Return how many jobs of all organisations wait or run, by kind and state; the caller has checked who asks.

    It reads what has not ended and nothing else, by the indexes that workers claim by.
    """
    counted: dict[tuple[str, JobState], KindCount] = {}
    for row in await tx.execute(_DEPTH):
        key = (row.kind, shown_state(row.state))
        before = counted.get(key, KindCount(*key, 0, 0.0))
        oldest = max(before.oldest_seconds, row.oldest_seconds)
        counted[key] = KindCount(*key, before.jobs + int(row.jobs), oldest)
    return list(counted.values())


async def count_dead_jobs(tx: AsyncSession) -> int:
    """Return how many jobs of the hub are dead, `DEAD_COUNTED_MAX` at most; the caller has checked who asks."""
    return int(await tx.scalar(_DEAD, {"at_most": DEAD_COUNTED_MAX}) or 0)


async def find_jobs(tx: AsyncSession, job_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these jobs the organisation acted in has, in one query."""
    return set(await tx.scalars(select(JobRow.id).where(JobRow.id.in_(list(job_ids)))))


def _as_kept(states: Sequence[JobState]) -> list[str]:
    return [kept for state in states for kept in _STATES_OF.get(state, (state,))]
