"""Forgetting what the kernel keeps for a short while only: counts of limits and answers to requests sent again."""

from datetime import timedelta

from sqlalchemy import text

from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.idempotency.models import KEPT_HOURS
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule

SWEEP_EVERY_SECONDS = 3600
SWEEP_AT_ONCE = 5000

_LIMITS = text("SELECT definer.limits_forget(:at_most)")
_ANSWERS = text("SELECT definer.answers_forget(:kept_for, :at_most)").bindparams(kept_for=timedelta(hours=KEPT_HOURS))


class SweepBriefRows(JobArgs, frozen=True, kw_only=True):
    """Remove counts that no limit's window holds, and answers past their time."""

    kind = "kernel.sweep_brief_rows"
    job_class = "background"
    attempts_max = 1
    seconds_max = SWEEP_EVERY_SECONDS


async def sweep_brief_rows(run: JobRun, _args: SweepBriefRows) -> dict[str, int]:
    """Return how many counts and answers were removed, in transactions of at most `SWEEP_AT_ONCE`."""
    database = run.resources.database
    return {
        "counts": await forget_in_batches(database, _LIMITS, at_once=SWEEP_AT_ONCE),
        "answers": await forget_in_batches(database, _ANSWERS, at_once=SWEEP_AT_ONCE),
    }


HANDLERS = (LightHandler(args_type=SweepBriefRows, run=sweep_brief_rows),)
SCHEDULES = (Schedule(every_seconds=SWEEP_EVERY_SECONDS, make=SweepBriefRows),)
