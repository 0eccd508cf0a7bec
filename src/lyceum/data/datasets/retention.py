"""Forgetting versions that were refused long ago; accepted ones stay."""

from datetime import timedelta
from typing import Any

from sqlalchemy import TextClause, text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import transaction

FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 1000

_REJECTED = text("SELECT definer.versions_forget_rejected(:older_than, :at_most)")
_UPLOADS = text("SELECT definer.uploads_forget_swept(:at_most)")


class ForgetRejected(JobArgs, frozen=True, kw_only=True):
    """Remove the versions refused longer ago than `rejected_version_days`, and what is left of uploads nobody used."""

    kind = "data.forget_rejected"
    job_class = "background"
    attempts_max = 1


async def forget_rejected(run: JobRun, _args: ForgetRejected) -> dict[str, int]:
    """Return how many rows were removed, in transactions of at most `FORGET_AT_ONCE`."""
    older_than = timedelta(days=run.resources.settings.rejected_version_days)
    database = run.resources.database
    return {
        "versions": await _in_batches(database, _REJECTED, {"older_than": older_than}),
        "uploads": await _in_batches(database, _UPLOADS, {}),
    }


async def _in_batches(database: Database, statement: TextClause, values: dict[str, Any]) -> int:
    removed = 0
    while True:
        async with transaction(database, NOBODY) as tx:
            batch = int(await tx.scalar(statement, values | {"at_most": FORGET_AT_ONCE}) or 0)
        removed += batch
        if batch < FORGET_AT_ONCE:
            return removed
