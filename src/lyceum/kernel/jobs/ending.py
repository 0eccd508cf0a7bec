"""Ending a job in the transaction that writes its result, so that both happen or neither."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import as_json
from lyceum.kernel.jobs.handlers import JobRun

FINISH = text("SELECT * FROM definer.jobs_finish(:worker, :ids, :attempts, CAST(:results AS jsonb[])) AS id")


class LeaseLost(Exception):
    """Another worker holds the job now; nothing of this attempt may be written."""


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
