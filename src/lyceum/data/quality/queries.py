"""Reads of checks."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require_to_see
from lyceum.data.datasets.public import (
    acts_on_dataset,
    dataset_ref_for,
    marks_of_dataset,
    marks_of_version,
    note_read_of_version,
    version_by_id,
    version_cards,
    version_for,
)
from lyceum.data.datasets.rows.public import Marks
from lyceum.data.quality.definitions import CHECKS_PER_DATASET_MAX
from lyceum.data.quality.errors import CheckNotFound, CheckRunNotFound
from lyceum.data.quality.masking import COVERED_REASON, is_learned, masked_check, masked_result, reads_any
from lyceum.data.quality.models import CheckResultRow, CheckRow, CheckRunRow
from lyceum.data.quality.schemas import (
    Check,
    CheckKind,
    CheckKindList,
    CheckPoint,
    CheckResult,
    CheckRun,
    CheckRunListed,
    FailingRow,
    PartitionFound,
)


def check_kinds() -> CheckKindList:
    """Return the kinds of checks there are; imports Polars at the first call, so call it in a thread."""
    from lyceum.data.quality.engine.public import kinds_described

    return CheckKindList(items=[CheckKind.model_validate(one, from_attributes=True) for one in kinds_described()])


async def list_checks(tx: AsyncSession, who: Actor, org: str, name: str) -> list[Check]:
    """Return a dataset's checks, oldest first; to who may not change it, without what marked columns have taught."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    marks = await marks_kept_from(tx, who, dataset.id, dataset.org_id)
    return [as_check(row, marks) for row in await check_rows(tx, dataset.id)]


async def marks_kept_from(tx: AsyncSession, who: Actor, dataset_id: UUID, org_id: UUID) -> Marks:
    """Return the marked columns that checks tell the caller nothing of; none for who may change them, and has to see them."""
    if await acts_on_dataset(tx, who, dataset_id, org_id, need=Power.DATASETS_WRITE):
        return {}
    return await marks_of_dataset(tx, dataset_id)


async def check_rows(tx: AsyncSession, dataset_id: UUID) -> list[CheckRow]:
    """Return the rows of a dataset's checks, oldest first."""
    query = (
        select(CheckRow)
        .where(CheckRow.dataset_id == dataset_id, CheckRow.archived_at.is_(None))
        .order_by(CheckRow.id)
        .limit(CHECKS_PER_DATASET_MAX)
    )
    return list(await tx.scalars(query))


async def checks_to_run(tx: AsyncSession, dataset_id: UUID, check_ids: list[str] | None) -> list[CheckRow]:
    """Return the rows of a dataset's checks that are enabled, of those in `check_ids` where they are given, oldest first."""
    wanted = None if check_ids is None else {UUID(each) for each in check_ids}
    rows = await check_rows(tx, dataset_id)
    return [row for row in rows if row.enabled and (wanted is None or row.id in wanted)]


async def list_history(
    tx: AsyncSession, who: Actor, org: str, name: str, check_id: UUID, *, limit: int, before: UUID | None = None
) -> list[CheckPoint]:
    """Return what a dataset's check found in its runs, newest first; of a check that was stopped, too.

    However long it is, one query finds it, beside those that find the dataset, the check and the numbers of its versions. Of a
    check that reads a marked column no figure is told that is one of its values. Raises
    `DatasetNotFound` and `CheckNotFound`.
    """
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    check = await tx.get(CheckRow, check_id)
    if check is None or check.dataset_id != dataset.id:
        raise CheckNotFound(f"{dataset.address} has no check {check_id} that you may read.")
    found = CheckResultRow.result
    figures = ("status", "rows_checked", "failing", "failing_fraction", "observed", "metrics")
    query = (
        select(
            CheckResultRow.id,
            CheckResultRow.check_run_id,
            CheckRunRow.version_id,
            CheckRunRow.finished_at,
            *(found[figure].label(figure) for figure in figures),
        )
        .join(CheckRunRow, CheckRunRow.id == CheckResultRow.check_run_id)
        .where(CheckResultRow.check_id == check_id)
        .order_by(CheckResultRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(CheckResultRow.id < before)
    rows = (await tx.execute(query)).all()
    versions = await version_cards(tx, {row.version_id for row in rows})
    covered = reads_any(check.definition, await marks_of_dataset(tx, dataset.id))
    return [
        CheckPoint(
            id=row.id,
            check_run_id=row.check_run_id,
            version_id=row.version_id,
            version=versions[row.version_id].number,
            finished_at=row.finished_at,
            status=row.status,
            rows_checked=row.rows_checked,
            failing_count=row.failing,
            failing_fraction=row.failing_fraction,
            metrics={} if covered and row.observed else row.metrics or {},
        )
        for row in rows
    ]


async def blocking_check_rows(tx: AsyncSession, dataset_id: UUID) -> list[CheckRow]:
    """Return the rows of the checks that are enabled and hold back a version, oldest first."""
    query = (
        select(CheckRow)
        .where(
            CheckRow.dataset_id == dataset_id,
            CheckRow.archived_at.is_(None),
            CheckRow.enabled,
            CheckRow.definition["blocking"].as_boolean(),
        )
        .order_by(CheckRow.id)
        .limit(CHECKS_PER_DATASET_MAX)
    )
    return list(await tx.scalars(query))


async def list_check_runs(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None, *, limit: int, before: UUID | None = None
) -> list[CheckRunListed]:
    """Return the check runs of a dataset's version, the latest for None, newest first."""
    version = await version_for(tx, who, org, name, number)
    query = select(CheckRunRow).where(CheckRunRow.version_id == version.id).order_by(CheckRunRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(CheckRunRow.id < before)
    return [_as_listed(run) for run in await tx.scalars(query)]


async def list_check_runs_of(
    tx: AsyncSession, who: Actor, version_id: UUID, *, limit: int, before: UUID | None = None
) -> list[CheckRunListed]:
    """Return the check runs of a version of whatever state, one that was held back as well, newest first.

    Raises `VersionNotFound`.
    """
    await version_by_id(tx, who, version_id)
    query = select(CheckRunRow).where(CheckRunRow.version_id == version_id)
    if before is not None:
        query = query.where(CheckRunRow.id < before)
    return [_as_listed(run) for run in await tx.scalars(query.order_by(CheckRunRow.id.desc()).limit(limit))]


async def check_run_for(tx: AsyncSession, who: Actor, run_id: UUID) -> CheckRun:
    """Return a check run with its results; raises `CheckRunNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    run = await tx.get(CheckRunRow, run_id)
    if run is None:
        raise CheckRunNotFound(f"There is no check run {run_id} that you may read.")
    await note_read_of_version(tx, run.version_id)
    query = select(CheckResultRow, CheckRow.origin).outerjoin(CheckRow, CheckRow.id == CheckResultRow.check_id)
    found = (await tx.execute(query.where(CheckResultRow.check_run_id == run_id).order_by(CheckResultRow.id))).all()
    origins = {result.check_id: origin for result, origin in found}
    return as_check_run(run, [result for result, _ in found], await marks_of_version(tx, run.version_id), origins)


def as_check_run(
    run: CheckRunRow, results: Iterable[CheckResultRow], marks: Marks, origins: Mapping[UUID | None, str | None]
) -> CheckRun:
    """Return a check run with its results as its readers see it: without what marked columns hold; origins by check."""
    shown = [as_result(row.result, row.check_id, marks, origin=origins.get(row.check_id) or "") for row in results]
    return CheckRun(**_as_listed(run).model_dump(), results=shown)


def _as_listed(run: CheckRunRow) -> CheckRunListed:
    return CheckRunListed(
        id=run.id,
        version_id=run.version_id,
        origin=run.origin,
        state=run.state,
        job_id=run.job_id,
        error=run.error,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def as_check(row: CheckRow, marks: Marks) -> Check:
    """Return a check as those see it who are told nothing of the marked columns."""
    covered = is_learned(row.definition, marks, origin=row.origin)
    return Check(
        id=row.id,
        definition=masked_check(row.definition, marks, origin=row.origin),
        origin=row.origin,
        reason=COVERED_REASON if covered else row.reason,
        schedule=row.schedule,
        zone=row.zone,
        enabled=row.enabled,
        revision=row.revision,
        created_at=row.created_at,
    )


def as_result(kept: dict[str, Any], check_id: UUID | None, marks: Marks, *, origin: str = "") -> CheckResult:
    """Return what came of a check, as the engine says it in JSON, as its readers see it: marked columns masked."""
    found = masked_result(kept, marks, origin=origin)
    return CheckResult(
        check_id=check_id,
        definition=found["check"],
        status=found["status"],
        sentence=found["sentence"],
        rows_checked=found["rows_checked"],
        failing_count=found["failing"],
        failing_fraction=found["failing_fraction"],
        rows_involved=found["rows_involved"],
        observed=found["observed"],
        failing_rows=[FailingRow.model_validate(sample) for sample in found["sample"]],
        # results that were kept before there were any have neither
        metrics=found.get("metrics") or {},
        partitions=[
            PartitionFound(value=part["value"], rows_checked=part["rows_checked"], failing_count=part["failing"])
            for part in found.get("partitions") or ()
        ],
    )
