"""The fence: what an attempt writes is committed only while it has its job, and its result together with its end.

Both functions lock the job's row, and come last in a transaction: whoever calls a job off locks what hangs on it first.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import as_json
from lyceum.kernel.jobs.handlers import JobRun

_HOLD = text("SELECT * FROM definer.jobs_hold(:worker, :id, :attempt)")
FINISH = text("SELECT * FROM definer.jobs_finish(:worker, :ids, :attempts, CAST(:results AS jsonb[])) AS id")


class LeaseLost(Exception):
    """Another worker holds the job now; nothing of this attempt may be written."""


async def hold_in(tx: AsyncSession, run: JobRun) -> None:
    """Keep the attempt's job until `tx` ends; raises `LeaseLost` when the attempt no longer holds it."""
    values = {"worker": run.worker_id, "id": run.job_id, "attempt": run.attempt}
    if not (await tx.execute(_HOLD, values)).all():
        raise LeaseLost


async def finish_in(tx: AsyncSession, run: JobRun, result: Any = None) -> None:
    """Mark the attempt's job done when `tx` commits; raises `LeaseLost` when the attempt no longer holds it."""
    values = {
        "worker": run.worker_id,
        "ids": [run.job_id],
        "attempts": [run.attempt],
        "results": [as_json(result)],
    }
    if not (await tx.execute(FINISH, values)).all():
        raise LeaseLost
