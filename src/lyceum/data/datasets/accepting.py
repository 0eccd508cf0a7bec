"""Accepting what was read of an upload or a database, and telling how far reading is."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets import versions
from lyceum.data.datasets.judges import VersionJudge
from lyceum.data.datasets.work import AcceptedTable
from lyceum.kernel.holding import remove_unless_held
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import after_commit


async def accept_read(
    tx: AsyncSession,
    run: JobRun,
    version_id: UUID,
    table: AcceptedTable,
    followers: tuple[versions.VersionFollower, ...],
    judges: tuple[VersionJudge, ...],
) -> None:
    """Accept a version as `versions.accept` does, and remove the upload it was read from once that is committed."""
    key = await versions.accept(tx, version_id, table, followers, judges)
    if key is not None:
        resources = run.resources
        # one that has to stay just now is swept when its time is over
        after_commit(tx, lambda: remove_unless_held(resources.database, resources.storage, key))


async def tell_progress(run: JobRun, _args: JobArgs, event: dict[str, Any]) -> None:
    """Show how far reading is, as the process that reads tells it."""
    await run.report_progress(event["fraction"], event["note"])
