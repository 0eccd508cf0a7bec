"""The job that erases a person from every version of a dataset."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import record
from lyceum.data.datasets import versions
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.history.public import DatasetDiffRow, diff_without_rows
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.buffered import erase_pushed
from lyceum.data.datasets.personal.errors import ErasureNotFound, ErasureUnderWay
from lyceum.data.datasets.personal.models import ErasureRow
from lyceum.data.datasets.personal.sealing import opened_key
from lyceum.data.datasets.personal.under_way import is_version_under_way
from lyceum.data.datasets.personal.work import Erased, Erasing
from lyceum.data.datasets.rows.public import masked_profile
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

ERASE_SECONDS_MAX = 6 * 3600
WHY_IS_GONE = "Why this version was rejected is not told any more, since somebody was erased from its dataset."
_SAYS_NO_VALUE = frozenset({versions.CALLED_OFF["code"], versions.NEVER_READ["code"]})


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """Who was erased from which versions of a dataset, for what shows or remembers something of their rows."""

    dataset_id: UUID
    version_ids: tuple[UUID, ...]
    """Those that had them, and those of which nobody can tell: whose rows were given up, or never accepted."""
    column: str
    value: str = field(repr=False)


ErasureFollower = Callable[[AsyncSession, Resources, ErasedPerson], Awaitable[None]]
"""Told of a person who was erased, in the transaction that says so: it removes what it keeps of their rows."""


class ErasePerson(JobArgs, frozen=True, kw_only=True):
    """Erase whom an erasure is about."""

    kind = "data.erase_person"
    job_class = "high"
    lane = "heavy"
    attempts_max = 8
    seconds_max = ERASE_SECONDS_MAX
    needs_room = True
    erasure_id: UUID


async def _prepare(run: JobRun, args: ErasePerson) -> Erasing:
    async with transaction(run.resources.database, run.scope) as tx:
        row = await _erasure(tx, args.erasure_id)
        sealed = await _sealed(tx, row.id)
        if await is_version_under_way(tx, row.dataset_id):
            raise ErasureUnderWay(
                "A version of the dataset is being made; whoever is to go is erased when it is decided."
            )
        accepted = (
            select(DatasetVersionRow.id, DatasetVersionRow.delta_version)
            .where(DatasetVersionRow.dataset_id == row.dataset_id, DatasetVersionRow.state == "accepted")
            .where(DatasetVersionRow.thinned_at.is_(None))
            .order_by(DatasetVersionRow.number)
        )
        return Erasing(
            erasure_id=row.id,
            table_key=table_key(row.org_id, row.dataset_id),
            column=row.key_column,
            value=opened_key(run.resources.sealer, row.id, sealed),
            versions={found.id: found.delta_version for found in await tx.execute(accepted)},
        )


async def _sealed(tx: AsyncSession, erasure_id: UUID) -> bytes:
    sealed = await tx.scalar(select(ErasureRow.key_sealed).where(ErasureRow.id == erasure_id))
    if sealed is None:
        raise ErasureNotFound(f"The erasure {erasure_id} has ended.")
    return bytes(sealed)


@dataclass(frozen=True, slots=True)
class _Concluding:
    """Says that they are gone."""

    followers: tuple[ErasureFollower, ...]

    async def conclude(self, tx: AsyncSession, run: JobRun, args: ErasePerson, erased: Erased) -> None:
        row = await _erasure(tx, args.erasure_id)
        if row.state != "queued":
            return
        # whoever concludes what they read meanwhile waits, and is told then
        await tx.execute(select(DatasetRow.id).where(DatasetRow.id == row.dataset_id).with_for_update())
        value = opened_key(run.resources.sealer, row.id, await _sealed(tx, row.id))
        lost = [*await _forget_in_thinned(tx, row.dataset_id), *await _forget_in_rejected(tx, row.dataset_id)]
        had = [await _changed(tx, one.version_id, one.row_count, one.profile) for one in erased.versions]
        ids = (*(version.version_id for version in erased.versions), *lost)
        await _forget_in_diffs(tx, ids)
        await erase_pushed(tx, row.dataset_id, column=row.key_column, value=value)
        person = ErasedPerson(row.dataset_id, ids, row.key_column, value)
        for follow in self.followers:
            await follow(tx, run.resources, person)
        # by the clock that says when jobs began
        finished_at = await tx.scalar(select(func.clock_timestamp()))
        row.state, row.finished_at, row.result = "done", finished_at, {"versions": had}
        row.key_sealed = None
        await tx.flush()
        record(tx, tx.info["scope"], "erase_person", "dataset", row.dataset_id)


async def _changed(tx: AsyncSession, version_id: UUID, rows: int, profile: dict[str, Any] | None) -> dict[str, Any]:
    """Say of a version what it is without them; returns what is told of it."""
    columns = (DatasetVersionRow.number, DatasetVersionRow.row_count, DatasetVersionRow.profile)
    before = (await tx.execute(select(*columns).where(DatasetVersionRow.id == version_id))).one()
    if profile is None:
        profile = {**_without_values(before.profile or {"columns": []}), "rows": rows}
    changed = update(DatasetVersionRow).where(DatasetVersionRow.id == version_id)
    await tx.execute(changed.values(row_count=rows, profile=profile))
    return {"id": str(version_id), "number": before.number, "rows": (before.row_count or 0) - rows}


def _without_values(profile: dict[str, Any]) -> dict[str, Any]:
    return masked_profile(profile, {column["name"]: "other" for column in profile["columns"]})


async def _forget_in_thinned(tx: AsyncSession, dataset_id: UUID) -> list[UUID]:
    """Cut what versions show of values whose rows were given up, so that nobody can tell who was among them; return which."""
    thinned = select(DatasetVersionRow.id, DatasetVersionRow.profile).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.thinned_at.is_not(None)
    )
    versions_thinned = (await tx.execute(thinned)).all()
    for version in versions_thinned:
        if version.profile is not None:
            changed = update(DatasetVersionRow).where(DatasetVersionRow.id == version.id)
            await tx.execute(changed.values(profile=_without_values(version.profile)))
    return [version.id for version in versions_thinned]


async def _forget_in_rejected(tx: AsyncSession, dataset_id: UUID) -> list[UUID]:
    """Cut what is said of why versions were rejected, which may quote their rows; return which were."""
    rejected = select(DatasetVersionRow.id, DatasetVersionRow.error).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.state == "rejected"
    )
    versions_rejected = (await tx.execute(rejected)).all()
    for version in versions_rejected:
        error = version.error or {}
        if error.get("code") not in _SAYS_NO_VALUE:
            changed = update(DatasetVersionRow).where(DatasetVersionRow.id == version.id)
            await tx.execute(changed.values(error=versions.without_values(error, WHY_IS_GONE)))
    return [version.id for version in versions_rejected]


async def _forget_in_diffs(tx: AsyncSession, version_ids: Sequence[UUID]) -> None:
    """Cut what comparisons of those versions show of values."""
    diff = DatasetDiffRow
    query = select(diff).where(or_(diff.before_id.in_(version_ids), diff.after_id.in_(version_ids)))
    for row in await tx.scalars(query.where(diff.result.is_not(None))):
        row.result = diff_without_rows(row.result or {})
    await tx.flush()


async def _gave_up(tx: AsyncSession, args: ErasePerson, error: dict[str, Any] | None, state: str) -> None:
    row = await _erasure(tx, args.erasure_id)
    if row.state == "queued":
        row.state, row.error, row.finished_at = "failed", versions.why(error, state), datetime.now(UTC)
        row.key_sealed = None
        await tx.flush()


async def _erasure(tx: AsyncSession, erasure_id: UUID) -> ErasureRow:
    row = await tx.get(ErasureRow, erasure_id, with_for_update=True)
    if row is None:
        raise ErasureNotFound(f"There is no erasure {erasure_id}.")
    return row


def handlers(followers: tuple[ErasureFollower, ...]) -> tuple[HeavyHandler, ...]:
    """Return what runs the job; `followers` are told in the transaction that says that somebody is gone."""
    return (
        HeavyHandler(
            args_type=ErasePerson,
            prepare=_prepare,
            compute="lyceum.data.datasets.personal.erasing:erase",
            output_type=Erased,
            conclude=_Concluding(followers).conclude,
            gave_up=_gave_up,
        ),
    )
