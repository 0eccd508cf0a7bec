"""Forgetting what the kernel keeps for a short while only: counts of limits and answers to requests sent again."""

from datetime import timedelta

from sqlalchemy import TextClause, text

from lyceum.kernel.db import NOBODY
from lyceum.kernel.idempotency.models import KEPT_HOURS
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction

SWEEP_EVERY_SECONDS = 3600
SWEEP_AT_ONCE = 5000

_LIMITS = text("SELECT definer.limits_forget(:at_most)")
_ANSWERS = text("SELECT definer.answers_forget(:kept_for, :at_most)").bindparams(kept_for=timedelta(hours=KEPT_HOURS))


class SweepBriefRows(JobArgs, frozen=True, kw_only=True):
    """Remove counts that no limit's window holds, and answers past their time."""

    kind = "kernel.sweep_brief_rows"
    job_class = "background"
    attempts_max = 1


async def sweep_brief_rows(run: JobRun, _args: SweepBriefRows) -> dict[str, int]:
    """Return how many counts and answers were removed, in transactions of at most `SWEEP_AT_ONCE`."""
    return {"counts": await _sweep(run, _LIMITS), "answers": await _sweep(run, _ANSWERS)}


async def _sweep(run: JobRun, statement: TextClause) -> int:
    removed = 0
    while True:
        async with transaction(run.resources.database, NOBODY) as tx:
            batch = int(await tx.scalar(statement, {"at_most": SWEEP_AT_ONCE}) or 0)
        removed += batch
        if batch < SWEEP_AT_ONCE:
            return removed


HANDLERS = (LightHandler(args_type=SweepBriefRows, run=sweep_brief_rows),)
SCHEDULES = (Schedule(every_seconds=SWEEP_EVERY_SECONDS, make=SweepBriefRows),)
