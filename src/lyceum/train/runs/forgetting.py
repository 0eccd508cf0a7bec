"""Erasing a person from what is kept beside models of the data they were trained on."""

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.data.datasets.personal.public import ErasedPerson
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import FileMissing, Storage
from lyceum.train.runs.masking import report_without
from lyceum.train.runs.models import TrainingRunRow


async def forget_in_runs(tx: AsyncSession, resources: Resources, person: ErasedPerson) -> None:
    """Take the person out of reports and references of what was trained on those versions; the models stay as they are."""
    query = select(TrainingRunRow).where(TrainingRunRow.dataset_version_id.in_(person.version_ids))
    for row in await tx.scalars(query.options(undefer(TrainingRunRow.report))):
        if row.report is not None:
            row.report = report_without(row.report, column=person.column, value=person.value)
        path = (row.artifact or {}).get("reference_path")
        if path:
            await _write_anew(resources.storage, path, person)
    await tx.flush()


async def _write_anew(storage: Storage, path: str, person: ErasedPerson) -> None:
    # imports what computes, which the API's start does without
    from lyceum.serve.watching.public import without_value

    try:
        stored = await storage.read(path)
    except FileMissing:
        return
    kept = await asyncio.to_thread(without_value, stored, column=person.column, value=person.value)
    if kept != stored:
        await storage.put_stream(path, _once(kept), bytes_max=len(kept))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
