"""Reads of comparisons."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require_to_see
from lyceum.data.datasets.history.errors import DiffNotFound
from lyceum.data.datasets.history.models import DatasetDiffRow
from lyceum.data.datasets.history.schemas import Diff, DiffResult
from lyceum.data.datasets.profiles import marks_of_version
from lyceum.data.datasets.queries import addresses_of_versions, note_read_of_version
from lyceum.data.datasets.rows.public import Marks, mask_of


async def diff_for(tx: AsyncSession, who: Actor, diff_id: UUID) -> Diff:
    """Return a comparison, done or not; raises `DiffNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    row = await tx.get(DatasetDiffRow, diff_id)
    found = await addresses_of_versions(tx, {row.before_id, row.after_id}) if row is not None else {}
    if row is None or row.before_id not in found or row.after_id not in found:
        raise DiffNotFound(f"There is no comparison {diff_id} that you may read.")
    await note_read_of_version(tx, row.after_id)
    address, before = found[row.before_id]
    return as_diff(row, address, before, found[row.after_id][1], marks=await marks_of_version(tx, row.after_id))


def as_diff(row: DatasetDiffRow, address: str, before: int, after: int, *, marks: Marks) -> Diff:
    """Return the row as its readers see it: without what marked columns hold."""
    return Diff(
        id=row.id,
        dataset=address,
        before=before,
        after=after,
        key=row.key_columns,
        state=row.state,
        job_id=row.job_id,
        result=_shown(row.result, row.key_columns, marks) if row.result is not None else None,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


async def versions_compared(tx: AsyncSession, version_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some versions are about to be compared, for a job of their organisation: one query."""
    ids = set(version_ids)
    query = select(DatasetDiffRow.before_id, DatasetDiffRow.after_id).where(
        DatasetDiffRow.finished_at.is_(None), DatasetDiffRow.before_id.in_(ids) | DatasetDiffRow.after_id.in_(ids)
    )
    return ids & {version_id for row in await tx.execute(query) for version_id in row}


def _shown(result: dict[str, Any], key: Sequence[str], marks: Marks) -> DiffResult:
    """Return what differs; a column may have been marked after the comparison was made."""
    kinds = [marks.get(name) for name in key]
    samples = {
        what: [
            [mask_of(kind) if kind and value is not None else value for kind, value in zip(kinds, row, strict=True)]
            for row in rows
        ]
        for what, rows in result["rows"]["samples"].items()
    }
    figures = [
        one
        for one in result["profile"]
        if one["column"] not in marks or one["figure"] in {"missing", "missing_fraction", "distinct"}
    ]
    return DiffResult.model_validate({**result, "rows": {**result["rows"], "samples": samples}, "profile": figures})
