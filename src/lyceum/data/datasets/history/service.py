"""Writes of a dataset's history: an earlier version is made the newest."""

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.history.jobs import RestoreVersion
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.queries import as_version, version_row_for
from lyceum.data.datasets.schemas import Version
from lyceum.data.datasets.sharing import writing_to
from lyceum.kernel.jobs.queue import enqueue


async def restore(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> Version:
    """Have a version made that equals an earlier one; the answer is pending and names the job.

    Raises `DatasetNotFound`, `VersionNotFound`.
    """
    async with writing_to(tx, who, org, name) as writer:
        restored = await version_row_for(tx, writer, org, name, number, need=Power.DATASETS_WRITE)
        row = DatasetVersionRow(
            org_id=restored.org_of_dataset,
            dataset_id=restored.id_of_dataset,
            file_name=restored.file_name,
            created_by=who.user_id,
        )
        tx.add(row)
        await tx.flush()
        row.job_id = await enqueue(tx, RestoreVersion(version_id=row.id, restored_id=restored.id))
        await tx.flush()
        await tx.refresh(row)
        return as_version(row, f"{org}/{restored.dataset_name}")
