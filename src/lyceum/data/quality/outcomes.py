"""What a check run found, for modules that go by it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import dataset_of_version, marks_of_dataset, version_cards, versions_after
from lyceum.data.quality.masking import ASK_NO_VALUE, masked_result, reads_any
from lyceum.data.quality.models import CheckResultRow, CheckRow, CheckRunRow

HAS_RESULTS = ("passed", "failed")
OF_ALL_CHECKS = ("person", "version")
"""Origins of runs that ran all checks; one by a schedule says nothing of the others."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What came of one check; `name` is what people call it, `severity` that of the check: warning or error."""

    check_id: UUID
    name: str
    severity: str
    holds: bool
    sentence: str
    rows_checked: int
    failing_count: int
    is_dropped: bool


@dataclass(frozen=True, slots=True)
class CheckRunOutcome:
    """What a check run found; it `is_outdated` once a newer version was checked, or the same version again.

    A check that had too little to judge by is not among the outcomes: it says neither that all is well nor that it is not.
    """

    check_run_id: UUID
    dataset_id: UUID
    version_id: UUID
    finished_at: datetime
    is_outdated: bool
    outcomes: tuple[CheckOutcome, ...]


async def check_run_outcome(tx: AsyncSession, check_run_id: UUID) -> CheckRunOutcome | None:
    """Return what a run found, for a job that works as its organisation; None for one that has no results or is not there."""
    run = await tx.get(CheckRunRow, check_run_id)
    if run is None or run.state not in HAS_RESULTS or run.finished_at is None:
        return None
    dataset = await dataset_of_version(tx, run.version_id)
    number = (await version_cards(tx, [run.version_id]))[run.version_id].number
    if number is None:
        # of a version that was held back; what its checks found was told as it was rejected
        return None
    marks = await marks_of_dataset(tx, dataset.id)
    query = (
        select(CheckResultRow.check_id, CheckResultRow.result, CheckRow.archived_at, CheckRow.origin)
        .join(CheckRow, CheckRow.id == CheckResultRow.check_id)
        .where(CheckResultRow.check_run_id == run.id)
        .order_by(CheckResultRow.check_id)
    )
    outcomes = tuple(
        CheckOutcome(
            check_id=row.check_id,
            name=str(row.result["check"].get("id", row.check_id)),
            severity=str(row.result["check"].get("severity", "error")),
            holds=row.result["status"] == "passed",
            sentence=str(masked_result(row.result, marks, origin=row.origin)["sentence"]),
            rows_checked=int(row.result["rows_checked"]),
            failing_count=int(row.result["failing"]),
            is_dropped=row.archived_at is not None,
        )
        for row in await tx.execute(query)
        if row.result["status"] != "skipped"
    )
    outdated = await _is_outdated(tx, run, dataset.id, number)
    return CheckRunOutcome(run.id, dataset.id, run.version_id, run.finished_at, outdated, outcomes)


async def checks_telling_of(tx: AsyncSession, dataset_id: UUID, columns: Iterable[str]) -> set[UUID]:
    """Return the checks of a dataset whose results may have told values of columns, dropped ones too."""
    marks = dict.fromkeys(columns, "other")
    query = select(CheckRow.id, CheckRow.definition).where(CheckRow.dataset_id == dataset_id)
    return {
        row.id
        for row in await tx.execute(query)
        if row.definition["kind"] not in ASK_NO_VALUE and reads_any(row.definition, marks)
    }


async def tags_of_check(tx: AsyncSession, check_id: UUID) -> frozenset[str]:
    """Return the tags of a check, for a job that works as its organisation; none for one that is gone."""
    definition = await tx.scalar(select(CheckRow.definition).where(CheckRow.id == check_id))
    return frozenset((definition or {}).get("tags") or ())


async def _is_outdated(tx: AsyncSession, run: CheckRunRow, dataset_id: UUID, number: int) -> bool:
    newer = await versions_after(tx, dataset_id, number)
    ours = (CheckRunRow.state.in_(HAS_RESULTS), CheckRunRow.origin.in_(OF_ALL_CHECKS))
    of_newer = select(CheckRunRow.id).where(CheckRunRow.version_id.in_(newer), *ours)
    if newer and await tx.scalar(of_newer.limit(1)) is not None:
        return True
    again = select(CheckRunRow.id).where(
        CheckRunRow.version_id == run.version_id,
        *ours,
        CheckRunRow.finished_at > run.finished_at,
    )
    return await tx.scalar(again.limit(1)) is not None
