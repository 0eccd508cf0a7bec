"""Writes of datasets: make one, change what it says of itself, give it versions, archive it."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.errors import NotAllowed
from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.errors import ChangeEmpty, DatasetExists
from lyceum.data.datasets.jobs import ReadUpload
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.public import refuse_while_erasing
from lyceum.data.datasets.queries import as_version, dataset_for, dataset_row_for, dataset_to_change
from lyceum.data.datasets.readiness import require_awake
from lyceum.data.datasets.schemas import Dataset, DatasetChange, NewDataset, NewVersion, Version
from lyceum.data.datasets.sharing import writing_to
from lyceum.files.public import hand_over, take
from lyceum.kernel.config import Settings
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.usage import refuse_past_quota


async def create(tx: AsyncSession, who: Actor, wanted: NewDataset) -> Dataset:
    """Make an empty dataset in the organisation acted in; raises `DatasetExists`."""
    org_id = require(who, Power.DATASETS_WRITE)
    row = DatasetRow(
        org_id=org_id,
        name=wanted.name,
        description=wanted.description,
        column_notes=wanted.column_notes,
        tags=wanted.tags,
        licence=wanted.licence,
        readme=wanted.readme,
        visibility=wanted.visibility,
        sensitive=wanted.sensitive,
        created_by=who.user_id,
    )
    try:
        async with tx.begin_nested():
            tx.add(row)
            await tx.flush()
    except IntegrityError as error:
        raise DatasetExists(
            f"{who.org_name} has a dataset {wanted.name} already; add a version to it or choose another name."
        ) from error
    return await dataset_for(tx, who, who.org_name, wanted.name)


async def change(
    tx: AsyncSession, who: Actor, org: str, name: str, wanted: DatasetChange, *, if_match: str | None
) -> Dataset:
    """Change what is sent of a dataset, made from the revision that `if_match` names, and return it with the next one.

    Raises `ChangeEmpty`, `DatasetNotFound`, and what `require_revision` raises.
    """
    changes = wanted.model_dump()
    async with writing_to(tx, who, org, name) as writer:
        before = await dataset_to_change(tx, writer, org, name)
        if not changes:
            raise ChangeEmpty(
                "Nothing is to be changed; send description, column_notes, tags, licence, readme, visibility or sensitive."
            )
        if changes.keys() & {"visibility", "sensitive"}:
            _refuse_guest(who, before)
        require_revision(if_match, before.revision, newest=before)
        note_audit(before=before)
        changes["revision"] = before.revision + 1
        await tx.execute(update(DatasetRow).where(DatasetRow.id == before.id).values(changes))
    return before.model_copy(update={name: value for name, value in changes.items() if name in Dataset.model_fields})


async def archive(tx: AsyncSession, who: Actor, org: str, name: str) -> None:
    """Take a dataset out of sight and free its name; its versions stay for what was made from them."""
    row = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_WRITE)
    row.archived_at = datetime.now(UTC)
    row.name = f"{row.name[:50]}.archived.{row.id.hex}"
    await tx.flush()


async def add_version(
    tx: AsyncSession, who: Actor, settings: Settings, org: str, name: str, wanted: NewVersion
) -> Version:
    """Have an upload read as the dataset's next version; the answer is pending and names the job.

    Raises `DatasetNotFound`, `StorageQuotaExceeded`, and what taking the upload raises. The upload is counted among what
    the dataset's organisation keeps until the table takes its place; that of a guest becomes that organisation's.
    """
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        require_awake(dataset, f"{org}/{dataset.name}")
        await refuse_past_quota(tx, settings)
        if writer is not who:
            await hand_over(tx, wanted.upload_id, dataset_id=dataset.id)
        return await _add_version(tx, writer, dataset, wanted)


async def _add_version(tx: AsyncSession, who: Actor, dataset: DatasetRow, wanted: NewVersion) -> Version:
    upload = await take(tx, who, wanted.upload_id)
    row = DatasetVersionRow(
        org_id=dataset.org_id,
        dataset_id=dataset.id,
        upload_id=upload.id,
        file_name=upload.file_name,
        created_by=who.user_id,
    )
    tx.add(row)
    await tx.flush()
    await refuse_while_erasing(tx, dataset.id)
    row.job_id = await enqueue(tx, _reading(row.id, wanted))
    await tx.flush()
    await tx.refresh(row)
    return as_version(row, f"{who.org_name}/{dataset.name}")


def _refuse_guest(who: Actor, dataset: Dataset) -> None:
    if dataset.organisation != who.org_name:
        raise NotAllowed(
            f"Who sees {dataset.address}, and whether that is recorded, is for members of {dataset.organisation} to say."
        )


def _reading(version_id: UUID, wanted: NewVersion) -> ReadUpload:
    return ReadUpload(
        version_id=version_id,
        format=wanted.format,
        encoding=wanted.encoding,
        delimiter=wanted.delimiter,
        has_header=wanted.has_header,
    )
