"""Rolling the prediction log up into datasets: each row once, in the order it was logged."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import (
    is_dormant,
    is_there,
    keep_records,
    make_declared,
    make_version_of_kept,
    newest_declared,
)
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.tx import transaction
from lyceum.kernel.usage import refuse_past_quota
from lyceum.serve.predictions.public import rows_logged
from lyceum.serve.registry.public import ServedModelVersion, version_by_id
from lyceum.serve.watching.models import WatchedVersionRow
from lyceum.serve.watching.tables import LogTable

CHUNK_ROWS = 5_000
DATASET_SUFFIX = "-predictions"
VERSIONS_AT_ONCE_MAX = 1_000

# a range of an index for each version of the model
_WITH_MORE = text("""
    SELECT v.id FROM model_versions v LEFT JOIN watched_versions w ON w.model_version_id = v.id
    WHERE v.model_id = :model AND EXISTS (
        SELECT FROM prediction_log p
        WHERE p.model_version_id = v.id AND p.id > coalesce(w.rolled_to, 0) AND p.id <= :up_to
    )
    ORDER BY v.number LIMIT :at_most
""")


@dataclass(frozen=True, slots=True)
class Rolled:
    """What one turn did, and whether there is more."""

    rows: int
    is_done: bool


async def roll_up(run: JobRun, model_id: UUID, up_to: int) -> int:
    """Put all rows of a model's log up to an id into its datasets, and return how many; what is there already stays."""
    async with transaction(run.resources.database, run.scope) as tx:
        asked = {"model": model_id, "up_to": up_to, "at_most": VERSIONS_AT_ONCE_MAX}
        versions = list(await tx.scalars(_WITH_MORE, asked))
    rows = 0
    for version_id in versions:
        while True:
            async with transaction(run.resources.database, run.scope) as tx:
                rolled = await _turn(tx, run.resources.settings, version_id, up_to)
            rows += rolled.rows
            if rolled.is_done:
                break
    return rows


async def _turn(tx: AsyncSession, settings: Settings, version_id: UUID, up_to: int) -> Rolled:
    """Hand the next rows to the dataset and note it, both or neither."""
    version = await version_by_id(tx, version_id)
    if version is None:
        return Rolled(0, is_done=True)
    table = LogTable.of(version.signature)
    watched = await _watched(tx, version, table)
    if not await is_there(tx, watched.dataset_id):
        # whoever archives the dataset wants no more of it
        watched.rolled_to = up_to
        return Rolled(0, is_done=True)
    if await is_dormant(tx, watched.dataset_id):
        # what is logged meanwhile comes once it is brought back
        return Rolled(0, is_done=True)
    await refuse_past_quota(tx, settings)
    rows = await rows_logged(tx, version_id, after=watched.rolled_to, up_to=up_to, limit=CHUNK_ROWS)
    is_done = len(rows) < CHUNK_ROWS
    if rows:
        await keep_records(tx, watched.dataset_id, table.records(rows, version=version.number), records=len(rows))
        watched.rolled_to = rows[-1].id
        await make_version_of_kept(tx, settings, watched.dataset_id)
    return Rolled(len(rows), is_done=is_done)


async def _watched(tx: AsyncSession, version: ServedModelVersion, table: LogTable) -> WatchedVersionRow:
    """Return the version's row, locked, with a dataset that has its columns: that of an earlier version where it fits."""
    locked = select(WatchedVersionRow).where(WatchedVersionRow.model_version_id == version.id).with_for_update()
    row = await tx.scalar(locked)
    if row is not None:
        return row
    made = insert(WatchedVersionRow).values(
        model_version_id=version.id,
        org_id=version.org_id,
        model_id=version.model_id,
        dataset_id=await _dataset_for(tx, version, table),
    )
    await tx.execute(made.on_conflict_do_nothing())
    return (await tx.scalars(locked)).one()


async def _dataset_for(tx: AsyncSession, version: ServedModelVersion, table: LogTable) -> UUID:
    of_model = select(WatchedVersionRow.dataset_id).where(WatchedVersionRow.model_id == version.model_id).distinct()
    earlier = await newest_declared(tx, (await tx.scalars(of_model)).all(), table.columns)
    return earlier or await make_declared(
        tx,
        f"{version.name}{DATASET_SUFFIX}",
        table.columns,
        description=f"What the model {version.name} was asked, and what it answered.",
        column_notes=table.notes,
        created_by=version.created_by,
    )
