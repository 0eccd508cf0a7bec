"""Jobs of versions' life: a round over the datasets, and putting one table's files in order."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.data.datasets.addresses import rewriting_key, table_key
from lyceum.data.datasets.appends.tables.public import APPENDED_FORMATS
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.life.service import holding_for
from lyceum.data.datasets.life.thinning import VersionsInUse, thin
from lyceum.data.datasets.life.work import LatestTable, Tended, Tending, UnusedFile
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.holding import may_remove_files
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import after_commit, aside, transaction
from lyceum.kernel.usage import count_kept

ROUND_EVERY_SECONDS = 600
DATASETS_AT_ONCE = 500
TEND_SECONDS_MAX = 3600
FILES_STAY_SECONDS = 6 * 3600
"""After a version was thinned, or its files were put in order: whoever had begun to read them has ended by then."""
STILL_TO_DO = timedelta(days=3)
"""For so long after anything changed a dataset's files are looked at again."""
_DUE = text("SELECT dataset_id, org_id FROM definer.datasets_to_tend(:older_than, :at_most)")


class TendDatasets(JobArgs, frozen=True, kw_only=True):
    """Thin the versions of the datasets whose turn it is, and have their files put in order."""

    kind = "data.tend_datasets"
    job_class = "background"
    attempts_max = 1
    seconds_max = ROUND_EVERY_SECONDS


class TendTable(JobArgs, frozen=True, kw_only=True):
    """Write a table's small files together and remove those that no version reads any more."""

    kind = "data.tend_table"
    job_class = "background"
    lane = "short"
    attempts_max = 2
    seconds_max = TEND_SECONDS_MAX
    needs_room = True
    dataset_id: UUID


@dataclass(frozen=True, slots=True)
class _Round:
    in_use: tuple[VersionsInUse, ...]

    async def run(self, run: JobRun, _args: TendDatasets) -> dict[str, int]:
        """Return how many datasets had their turn and how many versions were thinned."""
        older_than = timedelta(hours=run.resources.settings.dataset_tend_hours)
        async with transaction(run.resources.database, NOBODY) as tx:
            values = {"older_than": older_than, "at_most": DATASETS_AT_ONCE}
            due = [(row.dataset_id, row.org_id) for row in await tx.execute(_DUE, values)]
        thinned = 0
        for dataset_id, org_id in due:
            async with transaction(run.resources.database, Scope(org_id=org_id)) as tx:
                thinned += await tend_dataset(tx, run.resources, dataset_id, self.in_use)
        return {"datasets": len(due), "thinned": thinned}


async def tend_dataset(
    tx: AsyncSession, resources: Resources, dataset_id: UUID, in_use: tuple[VersionsInUse, ...]
) -> int:
    """Thin a dataset's versions, let it rest where nobody adds to it, and have its files looked at; return what was thinned."""
    declared = [undefer(DatasetRow.declared_columns)]
    row = await tx.get(DatasetRow, dataset_id, options=declared, with_for_update={"key_share": True})
    if row is None:
        return 0
    now = datetime.now(UTC)
    thinned = await thin(tx, row, resources.settings, in_use, now=now)
    changed = func.greatest(func.max(DatasetVersionRow.accepted_at), func.max(DatasetVersionRow.thinned_at))
    of_dataset = (DatasetVersionRow.dataset_id == row.id, DatasetVersionRow.state == "accepted")
    changed_at: datetime | None = await tx.scalar(select(changed).where(*of_dataset))
    if changed_at is not None and (row.tended_at is None or changed_at > row.tended_at - STILL_TO_DO):
        await enqueue(tx, TendTable(dataset_id=row.id), dedup_key=f"tend:{row.id}", ordering_key=rewriting_key(row.id))
    dormant_days = holding_for(row, resources.settings).dormant_days
    # one that the hub itself fills waits for what comes
    if dormant_days is not None and row.dormant_at is None and row.declared_columns is None:
        added_at: datetime | None = await tx.scalar(select(func.max(DatasetVersionRow.accepted_at)).where(*of_dataset))
        idle_since = max(moment for moment in (row.created_at, row.woken_at, added_at) if moment is not None)
        if idle_since < now - timedelta(days=dormant_days):
            row.dormant_at = now
    row.tended_at = now
    await tx.flush()
    return thinned


async def _prepare(run: JobRun, args: TendTable) -> Tending:
    async with transaction(run.resources.database, run.scope) as tx:
        return await tending_of(tx, run.resources, args.dataset_id, operation_id=str(run.job_id))


async def tending_of(tx: AsyncSession, resources: Resources, dataset_id: UUID, *, operation_id: str) -> Tending:
    """Return what is to be kept of a dataset's table; raises `VersionNotFound` where it has no version."""
    rows = (
        await tx.execute(
            select(
                DatasetVersionRow.id,
                DatasetVersionRow.org_id,
                DatasetVersionRow.state,
                DatasetVersionRow.delta_version,
                DatasetVersionRow.operation_id,
                DatasetVersionRow.source,
                DatasetVersionRow.thinned_at,
                DatasetVersionRow.replaced_delta_version,
                DatasetVersionRow.replaced_at,
            )
            .where(DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.state.in_(("accepted", "pending")))
            .order_by(DatasetVersionRow.number.desc().nulls_last())
        )
    ).all()
    accepted = [row for row in rows if row.state == "accepted"]
    if not accepted:
        raise VersionNotFound("The dataset has no version whose files could be put in order.")
    # whoever was given signed addresses of files still opens them
    stay_seconds = max(FILES_STAY_SECONDS, resources.settings.file_url_seconds)
    readable_since = datetime.now(UTC) - timedelta(seconds=stay_seconds)
    kept = [row for row in accepted if row.thinned_at is None or row.thinned_at > readable_since]
    replaced = [row for row in accepted if row.replaced_at is not None and row.replaced_at > readable_since]
    pending = [row for row in rows if row.state == "pending"]
    return Tending(
        table_key=table_key(accepted[0].org_id, dataset_id),
        latest=LatestTable(version_id=accepted[0].id, delta_version=accepted[0].delta_version),
        kept=(*(row.delta_version for row in kept), *(row.replaced_delta_version for row in replaced)),
        restored=tuple(row.delta_version for row in kept if "restores" in row.source),
        operations_pending=tuple(str(row.operation_id) for row in pending),
        # what is being appended would be behind the files as they are now
        compacts=not any(row.source.get("format") in APPENDED_FORMATS for row in pending),
        operation_id=operation_id,
        leftovers_older_than_seconds=resources.settings.upload_ttl_seconds,
    )


async def conclude_tending(tx: AsyncSession, run: JobRun, args: TendTable, tended: Tended) -> None:
    """Point the latest version at its rows in fewer files, if it is still the latest, and have unused files removed."""
    if tended.compacted is not None:
        await tx.get(DatasetRow, args.dataset_id, with_for_update={"key_share": True})
        row = await tx.get(DatasetVersionRow, tended.latest.version_id, with_for_update={"key_share": True})
        if row is not None and row.delta_version == tended.latest.delta_version and row.thinned_at is None:
            row.replaced_delta_version, row.replaced_at = row.delta_version, datetime.now(UTC)
            row.delta_version = tended.compacted
            had_none = not row.table_bytes
            row.table_bytes = (row.table_bytes or 0) + tended.compacted_bytes
            await tx.flush()
            await count_kept(tx, "tables", byte_count=tended.compacted_bytes, object_count=int(had_none))
    if tended.unused:
        after_commit(tx, partial(remove_unused, run.resources, run.scope, args.dataset_id, tended.unused))


async def remove_unused(resources: Resources, scope: Scope, dataset_id: UUID, unused: tuple[UnusedFile, ...]) -> None:
    """Remove files that no version reads, unless all files are being copied just now: then the next round does."""
    try:
        async with aside(resources.database, scope) as tx:
            if not await may_remove_files(tx):
                return
            await _count_less(tx, dataset_id, unused)
            for file in unused:
                await resources.storage.delete(file.key)
    except Unavailable:
        return


async def _count_less(tx: AsyncSession, dataset_id: UUID, unused: tuple[UnusedFile, ...]) -> None:
    """Take the bytes of files off the version that they were written for: the first whose table holds them."""
    query = select(DatasetVersionRow).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.state == "accepted"
    )
    query = query.order_by(DatasetVersionRow.delta_version).where(DatasetVersionRow.table_bytes > 0)
    versions = list(await tx.scalars(query.with_for_update(key_share=True)))
    byte_count = object_count = 0
    for file in unused:
        row = next((one for one in versions if (one.delta_version or 0) >= file.delta_version), None)
        if row is None or not row.table_bytes:
            continue
        less = min(row.table_bytes, file.byte_count)
        row.table_bytes -= less
        byte_count += less
        object_count += row.table_bytes == 0
    await tx.flush()
    await count_kept(tx, "tables", byte_count=-byte_count, object_count=-object_count)


def handlers(in_use: tuple[VersionsInUse, ...]) -> tuple[HeavyHandler | LightHandler, ...]:
    """Return what runs these jobs; the modules `in_use` are asked which versions somebody stands on."""
    return (
        LightHandler(args_type=TendDatasets, run=_Round(in_use).run),
        HeavyHandler(
            args_type=TendTable,
            prepare=_prepare,
            compute="lyceum.data.datasets.life.tending:tend",
            output_type=Tended,
            conclude=conclude_tending,
        ),
    )


SCHEDULES = (Schedule(every_seconds=ROUND_EVERY_SECONDS, make=TendDatasets),)
