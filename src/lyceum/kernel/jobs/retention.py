"""Forgetting jobs that ended long ago."""

from datetime import timedelta

from sqlalchemy import text

from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction

FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 5000

_FORGET = text("SELECT definer.jobs_forget(:done_for, :dead_for, :at_most)")


class ForgetJobs(JobArgs, frozen=True, kw_only=True):
    """Remove the jobs that ended longer ago than `job_done_days` and `job_dead_days`."""

    kind = "jobs.forget_jobs"
    job_class = "background"
    attempts_max = 1


async def forget_jobs(run: JobRun, _args: ForgetJobs) -> dict[str, int]:
    """Return how many jobs were removed, in transactions of at most `FORGET_AT_ONCE`."""
    settings = run.resources.settings
    wanted = {
        "done_for": timedelta(days=settings.job_done_days),
        "dead_for": timedelta(days=settings.job_dead_days),
        "at_most": FORGET_AT_ONCE,
    }
    removed = 0
    while True:
        async with transaction(run.resources.database, NOBODY) as tx:
            batch = int(await tx.scalar(_FORGET, wanted) or 0)
        removed += batch
        if batch < FORGET_AT_ONCE:
            return {"removed": removed}


HANDLERS = (LightHandler(args_type=ForgetJobs, run=forget_jobs),)
SCHEDULES = (Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetJobs),)
