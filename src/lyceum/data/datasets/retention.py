"""Forgetting versions that were refused long ago; accepted ones stay."""

from datetime import timedelta

from sqlalchemy import text

from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import JobArgs

FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 1000

_REJECTED = text("SELECT definer.versions_forget_rejected(:older_than, :at_most)")
_UPLOADS = text("SELECT definer.uploads_forget_swept(:at_most)")


class ForgetRejected(JobArgs, frozen=True, kw_only=True):
    """Remove the versions refused longer ago than `rejected_version_days`, and what is left of uploads nobody used."""

    kind = "data.forget_rejected"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def forget_rejected(run: JobRun, _args: ForgetRejected) -> dict[str, int]:
    """Return how many rows were removed, of versions and of uploads."""
    kept = {"older_than": timedelta(days=run.resources.settings.rejected_version_days)}
    database = run.resources.database
    return {
        "versions": await forget_in_batches(database, _REJECTED, kept, at_once=FORGET_AT_ONCE),
        "uploads": await forget_in_batches(database, _UPLOADS, at_once=FORGET_AT_ONCE),
    }
