"""Jobs of history: restore an earlier version as a new one with its rows, schema and profile, and compare two."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets import versions
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.errors import VersionNotFound
from lyceum.data.datasets.history.diffs import columns_compared, diff_without_rows, profiles_compared
from lyceum.data.datasets.history.errors import DiffNotFound
from lyceum.data.datasets.history.models import DatasetDiffRow
from lyceum.data.datasets.history.work import Compared, Comparing, TakenBack, TakingBack
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.models import DatasetVersionRow
from lyceum.data.datasets.personal.public import is_erased_meanwhile
from lyceum.data.datasets.profiles import profile_by_id, unmasked_profile_by_id
from lyceum.data.datasets.queries import version_table_by_id
from lyceum.data.datasets.readiness import require_rows
from lyceum.data.datasets.work import AcceptedTable
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import transaction

RESTORE_SECONDS_MAX = 3600
COMPARE_SECONDS_MAX = 3600


class RestoreVersion(JobArgs, frozen=True, kw_only=True):
    """Make a pending version one with the rows of an earlier one."""

    kind = "data.restore_version"
    job_class = "high"
    lane = "short"
    attempts_max = 3
    seconds_max = RESTORE_SECONDS_MAX
    version_id: UUID
    restored_id: UUID


async def _prepare(run: JobRun, args: RestoreVersion, judges: tuple[VersionJudge, ...]) -> TakingBack:
    async with transaction(run.resources.database, run.scope) as tx:
        row, restored = await tx.get(DatasetVersionRow, args.version_id), await _restored(tx, args)
        if row is None:
            raise VersionNotFound(f"There is no version {args.version_id} to restore another one as.")
        return TakingBack(
            table_key=table_key(restored.org_id, restored.dataset_id),
            to_delta_version=restored.delta_version or 0,
            operation_id=str(row.operation_id),
            table_schema=restored.table_schema or {},
            line_of_first_row=restored.source.get("line_of_first_row"),
            questions=await questions_to(tx, row.id, judges),
        )


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Has what is restored judged, and accepts it."""

    followers: tuple[versions.VersionFollower, ...]
    judges: tuple[VersionJudge, ...]

    async def prepare(self, run: JobRun, args: RestoreVersion) -> TakingBack:
        return await _prepare(run, args, self.judges)

    async def conclude(self, tx: AsyncSession, _run: JobRun, args: RestoreVersion, taken_back: TakenBack) -> None:
        table = await _restored_table(tx, args, taken_back)
        await versions.accept(tx, args.version_id, table, self.followers, self.judges)


async def _restored_table(tx: AsyncSession, args: RestoreVersion, taken_back: TakenBack) -> AcceptedTable:
    restored = await _restored(tx, args)
    return AcceptedTable(
        delta_version=taken_back.delta_version,
        row_count=restored.row_count or 0,
        byte_count=restored.byte_count or 0,
        table_bytes=0,
        source={**restored.source, "restores": restored.number},
        table_schema=restored.table_schema or {},
        profile=await unmasked_profile_by_id(tx, restored.id),
        judgements=taken_back.judgements,
    )


async def _restored(tx: AsyncSession, args: RestoreVersion) -> DatasetVersionRow:
    row = await tx.get(DatasetVersionRow, args.restored_id)
    if row is None or row.state != "accepted":
        raise VersionNotFound(f"There is no version {args.restored_id} to restore.")
    require_rows(row, "the dataset")
    return row


async def _gave_up(tx: AsyncSession, args: RestoreVersion, error: dict[str, Any] | None, state: str) -> None:
    await versions.reject(tx, args.version_id, versions.why(error, state))


class CompareVersions(JobArgs, frozen=True, kw_only=True):
    """Find what differs between two versions."""

    kind = "data.compare_versions"
    lane = "short"
    attempts_max = 3
    seconds_max = COMPARE_SECONDS_MAX
    diff_id: UUID


async def _prepare_diff(run: JobRun, args: CompareVersions) -> Comparing:
    async with transaction(run.resources.database, run.scope) as tx:
        row = await _diff(tx, args.diff_id)
        before, after = [await version_table_by_id(tx, version_id) for version_id in (row.before_id, row.after_id)]
        return Comparing(
            table_key=before.table_key,
            before=before.delta_version,
            after=after.delta_version,
            key_columns=tuple(row.key_columns),
            marks=dict(after.marks),
        )


async def _conclude_diff(tx: AsyncSession, run: JobRun, args: CompareVersions, compared: Compared) -> None:
    asked = await tx.get(DatasetDiffRow, args.diff_id)
    was_erased = asked is not None and await is_erased_meanwhile(tx, run, asked.dataset_id)
    row = await _diff(tx, args.diff_id)
    before, after = [await version_table_by_id(tx, version_id) for version_id in (row.before_id, row.after_id)]
    profiles = [await profile_by_id(tx, version_id) for version_id in (row.before_id, row.after_id)]
    result = {
        "columns": columns_compared(before.table_schema.model_dump(), after.table_schema.model_dump()),
        "rows": compared.rows,
        "profile": profiles_compared(*profiles),
    }
    row.result = diff_without_rows(result) if was_erased else result
    row.state = "done"
    row.finished_at = datetime.now(UTC)
    await tx.flush()


async def _gave_up_diff(tx: AsyncSession, args: CompareVersions, error: dict[str, Any] | None, state: str) -> None:
    row = await _diff(tx, args.diff_id)
    if row.state != "queued":
        return
    row.state, row.error, row.finished_at = "failed", versions.why(error, state), datetime.now(UTC)
    await tx.flush()


async def _diff(tx: AsyncSession, diff_id: UUID) -> DatasetDiffRow:
    row = await tx.get(DatasetDiffRow, diff_id, with_for_update=True)
    if row is None:
        raise DiffNotFound(f"There is no comparison {diff_id}.")
    return row


def handlers(
    followers: tuple[versions.VersionFollower, ...], judges: tuple[VersionJudge, ...]
) -> tuple[HeavyHandler, ...]:
    """Return what runs these jobs; `followers` and `judges` are as those of `data.datasets.jobs`."""
    accepting = _Accepting(followers, judges)
    return (
        HeavyHandler(
            args_type=RestoreVersion,
            prepare=accepting.prepare,
            compute="lyceum.data.datasets.history.restoring:restore",
            output_type=TakenBack,
            conclude=accepting.conclude,
            gave_up=_gave_up,
        ),
        HeavyHandler(
            args_type=CompareVersions,
            prepare=_prepare_diff,
            compute="lyceum.data.datasets.history.comparing:compare",
            output_type=Compared,
            conclude=_conclude_diff,
            gave_up=_gave_up_diff,
        ),
    )
