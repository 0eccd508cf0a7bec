"""Reads of checks."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require_to_see
from lyceum.data.datasets.public import dataset_ref_for, marks_of_version, note_read_of_version, version_table_for
from lyceum.data.datasets.rows.public import Marks
from lyceum.data.quality.errors import CheckRunNotFound
from lyceum.data.quality.masking import masked_result
from lyceum.data.quality.models import CheckResultRow, CheckRow, CheckRunRow
from lyceum.data.quality.schemas import Check, CheckResult, CheckRun, CheckRunListed, FailingRow

CHECKS_PER_DATASET_MAX = 1_000


async def list_checks(tx: AsyncSession, who: Actor, org: str, name: str) -> list[Check]:
    """Return a dataset's checks, oldest first."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    return [as_check(row) for row in await check_rows(tx, dataset.id)]


async def check_rows(tx: AsyncSession, dataset_id: UUID) -> list[CheckRow]:
    """Return the rows of a dataset's checks, oldest first."""
    query = (
        select(CheckRow)
        .where(CheckRow.dataset_id == dataset_id, CheckRow.archived_at.is_(None))
        .order_by(CheckRow.id)
        .limit(CHECKS_PER_DATASET_MAX)
    )
    return list(await tx.scalars(query))


async def list_check_runs(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None, *, limit: int, before: UUID | None = None
) -> list[CheckRunListed]:
    """Return the check runs of a dataset's version, the latest for None, newest first."""
    table = await version_table_for(tx, who, f"{org}/{name}" if number is None else f"{org}/{name}@{number}")
    query = (
        select(CheckRunRow)
        .where(CheckRunRow.version_id == table.version_id)
        .order_by(CheckRunRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(CheckRunRow.id < before)
    return [_as_listed(run) for run in await tx.scalars(query)]


async def check_run_for(tx: AsyncSession, who: Actor, run_id: UUID) -> CheckRun:
    """Return a check run with its results; raises `CheckRunNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    run = await tx.get(CheckRunRow, run_id)
    if run is None:
        raise CheckRunNotFound(f"There is no check run {run_id} that you may read.")
    await note_read_of_version(tx, run.version_id)
    results = await tx.scalars(
        select(CheckResultRow).where(CheckResultRow.check_run_id == run_id).order_by(CheckResultRow.id)
    )
    return as_check_run(run, results, await marks_of_version(tx, run.version_id))


def as_check_run(run: CheckRunRow, results: Iterable[CheckResultRow], marks: Marks) -> CheckRun:
    """Return a check run with its results as its readers see it: without what marked columns hold."""
    return CheckRun(**_as_listed(run).model_dump(), results=[_as_result(row, marks) for row in results])


def _as_listed(run: CheckRunRow) -> CheckRunListed:
    return CheckRunListed(
        id=run.id,
        version_id=run.version_id,
        state=run.state,
        job_id=run.job_id,
        error=run.error,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def as_check(row: CheckRow) -> Check:
    """Return a check as its readers see it."""
    return Check(id=row.id, definition=row.definition, origin=row.origin, reason=row.reason, created_at=row.created_at)


def _as_result(row: CheckResultRow, marks: Marks) -> CheckResult:
    found = masked_result(row.result, marks)
    return CheckResult(
        check_id=row.check_id,
        definition=found["check"],
        status=found["status"],
        sentence=found["sentence"],
        rows_checked=found["rows_checked"],
        failing_count=found["failing"],
        failing_fraction=found["failing_fraction"],
        rows_involved=found["rows_involved"],
        observed=found["observed"],
        failing_rows=[FailingRow.model_validate(sample) for sample in found["sample"]],
    )
