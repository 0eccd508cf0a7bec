"""Writes of a dataset's history: an earlier version is made the newest, two are compared."""

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.history.jobs import CompareVersions, RestoreVersion
from lyceum.data.datasets.history.models import DatasetDiffRow
from lyceum.data.datasets.history.queries import as_diff
from lyceum.data.datasets.history.schemas import Diff, NewDiff
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.personal.public import refuse_while_erasing
from lyceum.data.datasets.queries import as_version, version_row_for
from lyceum.data.datasets.readiness import require_awake, require_rows
from lyceum.data.datasets.schemas import Version
from lyceum.data.datasets.sharing import writing_to
from lyceum.kernel.jobs.queue import enqueue


async def restore(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> Version:
    """Have a version made that equals an earlier one; the answer is pending and names the job.

    Raises `DatasetNotFound`, `VersionNotFound`.
    """
    async with writing_to(tx, who, org, name) as writer:
        restored = await version_row_for(tx, writer, org, name, number, need=Power.DATASETS_WRITE)
        require_awake(restored, f"{org}/{restored.dataset_name}")
        require_rows(restored, f"{org}/{restored.dataset_name}")
        row = DatasetVersionRow(
            org_id=restored.org_of_dataset,
            dataset_id=restored.id_of_dataset,
            file_name=restored.file_name,
            created_by=who.user_id,
        )
        tx.add(row)
        await tx.flush()
        await refuse_while_erasing(tx, restored.id_of_dataset)
        row.job_id = await enqueue(tx, RestoreVersion(version_id=row.id, restored_id=restored.id))
        await tx.flush()
        await tx.refresh(row)
        return as_version(row, f"{org}/{restored.dataset_name}")


async def begin_diff(tx: AsyncSession, who: Actor, org: str, name: str, wanted: NewDiff) -> Diff:
    """Have two versions compared; the answer is queued and names the job.

    Raises `DatasetNotFound`, `VersionNotFound`, `VersionThinned`.
    """
    async with writing_to(tx, who, org, name) as writer:
        before, after = [
            await version_row_for(tx, writer, org, name, number, need=Power.DATASETS_WRITE)
            for number in (wanted.before, wanted.after)
        ]
        for version in (before, after):
            require_rows(version, f"{org}/{version.dataset_name}")
        row = DatasetDiffRow(
            org_id=before.org_of_dataset,
            dataset_id=before.id_of_dataset,
            before_id=before.id,
            after_id=after.id,
            key_columns=list(dict.fromkeys(wanted.key)),
            created_by=who.user_id,
        )
        tx.add(row)
        await tx.flush()
        row.job_id = await enqueue(tx, CompareVersions(diff_id=row.id))
        await tx.flush()
        await tx.refresh(row)
        return as_diff(row, f"{org}/{before.dataset_name}", wanted.before, wanted.after, marks={})
