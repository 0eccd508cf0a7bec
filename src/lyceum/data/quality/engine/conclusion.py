"""From what a back end counted to a result in words."""

from collections.abc import Collection

from lyceum.data.quality.engine.checks import Check
from lyceum.data.quality.engine.outcomes import Outcome
from lyceum.data.quality.engine.report import CheckResult, FailingRow, PartitionResult, Status
from lyceum.data.quality.engine.samples import MASKED
from lyceum.data.quality.engine.sentences import sentence_of

COVERED = "What was found is covered, since the column is."


def result_of(
    check: Check,
    outcome: Outcome | None,
    sample: tuple[FailingRow, ...],
    *,
    masked: Collection[str] = (),
    error: str | None = None,
    sample_rows_max: int = 10,
) -> CheckResult:
    """Return the result; without an outcome the check was not run, for the reason in `error`."""
    if outcome is None:
        return CheckResult(check, "errored", error or "The check could not be run.")
    covered = any(name in masked for name in check.subjects())
    observed = None if covered else outcome.observed
    rows = sample or outcome.rows[:sample_rows_max]
    # a query's columns are not told apart by what they were made of
    rows = rows if sample or not masked else _covered(rows)
    fraction = outcome.failing / outcome.checked if outcome.checked else 0.0
    if check_counts_table(check):
        fraction = float(outcome.failing)
    first = None
    if sample:
        first = f"row {sample[0].row:,}" + (f" (line {sample[0].line:,})" if sample[0].line else "")
    sentence = outcome.sentence or sentence_of(
        check,
        checked=outcome.checked,
        failing=outcome.failing,
        involved=outcome.involved,
        observed=observed,
        first=first,
        partitions=outcome.partitions if not _partition_covered(check, masked) else (),
    )
    if covered and outcome.sentence and outcome.observed:
        sentence = COVERED
    return CheckResult(
        check=check,
        status=outcome.status or _status(check, fraction),
        sentence=sentence,
        rows_checked=outcome.checked,
        failing=outcome.failing,
        failing_fraction=fraction,
        rows_involved=outcome.involved,
        observed=observed,
        sample=rows,
        metrics=None if covered and outcome.observed else {"failing": outcome.failing, **outcome.metrics},
        partitions=_shown(outcome.partitions, check, masked),
    )


def check_counts_table(check: Check) -> bool:
    """Return whether the check has one answer for the whole table, so that its share of failing rows means nothing."""
    return not hasattr(check, "at_most_failing")


def _status(check: Check, fraction: float) -> Status:
    return "failed" if fraction > getattr(check, "at_most_failing", 0.0) else "passed"


def _partition_covered(check: Check, masked: Collection[str]) -> bool:
    return getattr(check, "partition_by", None) in masked


def _shown(
    partitions: tuple[PartitionResult, ...], check: Check, masked: Collection[str]
) -> tuple[PartitionResult, ...]:
    if not _partition_covered(check, masked):
        return partitions
    return tuple(PartitionResult(MASKED, part.rows_checked, part.failing) for part in partitions)


def _covered(rows: tuple[FailingRow, ...]) -> tuple[FailingRow, ...]:
    return tuple(FailingRow(row.row, row.line, dict.fromkeys(row.values, MASKED)) for row in rows)
