"""Beginning a version that a job makes of another dataset's rows."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets import service, versions
from lyceum.data.datasets.addresses import VersionTable, table_key
from lyceum.data.datasets.errors import DatasetNotFound, IntoItself, LessWatched, VersionNotFound
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.marks import marks_in, with_found
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.public import refuse_while_erasing
from lyceum.data.datasets.queries import as_version, dataset_row_for
from lyceum.data.datasets.readiness import require_awake
from lyceum.data.datasets.schemas import NewDataset, Version
from lyceum.data.datasets.sharing import writing_to
from lyceum.data.datasets.work import Intake
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.usage import refuse_past_quota


async def begin_made(
    tx: AsyncSession,
    who: Actor,
    settings: Settings,
    origin: VersionTable,
    name: str,
    *,
    description: str,
    file_name: str,
    job: Callable[[UUID], JobArgs],
) -> Version:
    """Begin the next version of the dataset called `name` in the organisation of `origin`, to be made of rows of that.

    A dataset that is not there is made, private, and sensitive where that of `origin` is. `job` gives what makes the
    version of that id. `who` may read `origin`. Raises `NotAllowed`, `DatasetNotFound`, `DatasetDormant`, `IntoItself`,
    `LessWatched`, `StorageQuotaExceeded`.
    """
    org = origin.address.partition("/")[0]
    source = await tx.get_one(DatasetRow, origin.dataset_id)
    sensitive = source.sensitive
    if org == who.org_name and not await _is_there(tx, who, org, name):
        await service.create(tx, who, NewDataset(name=name, description=description, sensitive=sensitive))
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        address = f"{org}/{dataset.name}"
        if dataset.id == origin.dataset_id:
            raise IntoItself(
                f"A version of {address} made of its own rows would take their place; name another dataset."
            )
        if sensitive and not dataset.sensitive:
            raise LessWatched(
                f"Reads of {origin.address} are recorded, and those of {address} are not; mark it as sensitive first, or "
                "name a new dataset."
            )
        require_awake(dataset, address)
        await refuse_past_quota(tx, settings)
        row = DatasetVersionRow(
            org_id=dataset.org_id,
            dataset_id=dataset.id,
            file_name=file_name[:255],
            source={"dataset": origin.address, "version_id": str(origin.version_id)},
            created_by=who.user_id,
        )
        tx.add(row)
        await tx.flush()
        await refuse_while_erasing(tx, dataset.id)
        # what is covered there is covered here as well
        known = dataset.personal_columns
        dataset.personal_columns = with_found(known, source.personal_columns)
        new = [name for name in marks_in(dataset.personal_columns) if name not in known]
        await versions.cover_what_was_said(tx, dataset.id, new)
        row.job_id = await enqueue(tx, job(row.id))
        await tx.flush()
        await tx.refresh(row)
        return as_version(row, address)


async def intake_of(
    tx: AsyncSession, resources: Resources, version_id: UUID, judges: tuple[VersionJudge, ...]
) -> Intake:
    """Return where the rows of a pending version go and what its judges ask; raises `VersionNotFound`."""
    row = await tx.get(DatasetVersionRow, version_id)
    if row is None:
        raise VersionNotFound(f"There is no version {version_id} to make.")
    return Intake(
        upload_key="",
        file_name=row.file_name,
        format=None,
        table_key=table_key(row.org_id, row.dataset_id),
        operation_id=str(row.operation_id),
        leftovers_older_than_seconds=resources.settings.upload_ttl_seconds,
        questions=await questions_to(tx, row.id, judges),
    )


async def reject_made(tx: AsyncSession, version_id: UUID, error: dict[str, Any] | None, state: str) -> None:
    """Reject a version whose job was given up or ended in `state`."""
    await versions.reject(tx, version_id, versions.why(error, state))


async def _is_there(tx: AsyncSession, who: Actor, org: str, name: str) -> bool:
    try:
        await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    except DatasetNotFound:
        return False
    return True
