"""Beginning a version whose rows are read from a database."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.databases.locations import database_location
from lyceum.data.datasets.databases.sealing import sealed_wish
from lyceum.data.datasets.databases.work import ImportSql, Wish
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.public import refuse_while_erasing
from lyceum.files.public import UploadWhole
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources

NAME_CHARACTERS_MAX = 255


async def begin_reading(
    tx: AsyncSession,
    resources: Resources,
    dataset: DatasetRow,
    wish: Wish,
    version_id: UUID,
    *,
    upload: UploadWhole | None,
    by: UUID | None,
) -> DatasetVersionRow:
    """Return a new pending version, whose job reads what is asked of a database or of an upload that is one.

    Raises `ErasureUnderWay`.
    """
    row = DatasetVersionRow(
        id=version_id,
        org_id=dataset.org_id,
        dataset_id=dataset.id,
        upload_id=upload.id if upload is not None else None,
        file_name=upload.file_name if upload is not None else _shown(wish),
        fetch_sealed=sealed_wish(resources, version_id, wish),
        created_by=by,
    )
    tx.add(row)
    await tx.flush()
    await refuse_while_erasing(tx, dataset.id)
    row.job_id = await enqueue(tx, ImportSql(version_id=row.id))
    await tx.flush()
    await tx.refresh(row)
    return row


def _shown(wish: Wish) -> str:
    """Return what a version is called that no file was read for."""
    host = database_location(wish.url or "").host
    return f"{wish.table or 'query'} of {host}"[:NAME_CHARACTERS_MAX]
