"""Forgetting jobs that ended long ago."""

from datetime import timedelta

from sqlalchemy import text

from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule

FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 5000

_FORGET = text("SELECT definer.jobs_forget(:done_for, :dead_for, :at_most)")


class ForgetJobs(JobArgs, frozen=True, kw_only=True):
    """Remove the jobs that ended longer ago than `job_done_days` and `job_dead_days`."""

    kind = "jobs.forget_jobs"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def forget_jobs(run: JobRun, _args: ForgetJobs) -> dict[str, int]:
    """Return how many jobs were removed."""
    settings = run.resources.settings
    kept = {"done_for": timedelta(days=settings.job_done_days), "dead_for": timedelta(days=settings.job_dead_days)}
    return {"removed": await forget_in_batches(run.resources.database, _FORGET, kept, at_once=FORGET_AT_ONCE)}


HANDLERS = (LightHandler(args_type=ForgetJobs, run=forget_jobs),)
SCHEDULES = (Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetJobs),)
