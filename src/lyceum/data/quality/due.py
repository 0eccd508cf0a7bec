"""Checks that run by themselves: on each new version, and when their schedules say so."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import latest_version_of, owner_of_dataset, version_table_by_id
from lyceum.data.quality.asked import RunDueCheck, schedule_of
from lyceum.data.quality.models import CheckRow
from lyceum.data.quality.starting import begin_run, in_name_of
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.recurring import remove_schedule
from lyceum.kernel.tx import transaction


async def check_version(tx: AsyncSession, version_id: UUID) -> None:
    """Have a dataset's checks run on a version that has just been accepted, where it has any.

    Works as the dataset's organisation, in the transaction that accepts the version.
    """
    table = await version_table_by_id(tx, version_id)
    owner_id = await owner_of_dataset(tx, table.dataset_id)
    await begin_run(tx, in_name_of(owner_id, table), table, origin="version")


async def run_due(run: JobRun, args: RunDueCheck) -> dict[str, int]:
    """Have a check run on its dataset's newest version; return how many runs that began.

    Its schedule ends with the check, and with the dataset.
    """
    async with transaction(run.resources.database, run.scope) as tx:
        row = await tx.get(CheckRow, args.check_id)
        table = await latest_version_of(tx, row.dataset_id) if row is not None else None
        if row is None or row.archived_at is not None or table is None:
            await remove_schedule(tx, schedule_of(args.check_id))
            return {"begun": 0}
        who = in_name_of(row.created_by, table)
        begun = await begin_run(tx, who, table, origin="schedule", check_ids=[str(row.id)])
    return {"begun": int(begun is not None)}
