"""Checks run over a table of any size.

One streaming pass counts everything that a row decides alone, and computes the aggregates that others need. Each check
of a key adds a pass that holds 8 bytes a row (64-bit hashes, sorted; rows with equal hashes are then compared by value,
so the counts are exact). Only when something fails are the first failing rows looked for, from the top.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine import in_polars
from lyceum.data.quality.engine.checks import Check, Completeness, Range, with_distinct_ids
from lyceum.data.quality.engine.conclusion import result_of
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.nodes import CannotRun
from lyceum.data.quality.engine.outcomes import Outcome
from lyceum.data.quality.engine.report import CheckReport, PartitionResult
from lyceum.data.quality.engine.rules import RowRule, rule_of, unreadable
from lyceum.data.quality.engine.samples import Failing, first_failing_rows
from lyceum.data.quality.engine.surroundings import Surroundings
from lyceum.data.quality.engine.whole import aggregates, completeness, concluded

PARTITIONS_MAX = 10_000
PARTITIONS_SHOWN_MAX = 20


@dataclass(slots=True)
class Planned:
    """One check made ready for a table."""

    check: Check
    rule: RowRule | None = None
    """What it asks of a row; None for checks a row does not decide alone."""
    aggregates: dict[str, pl.Expr] = field(default_factory=dict)
    error: str | None = None
    """Why the check cannot be run."""
    excused_without: str | None = None
    """The column that excuses the error when it holds no value: one without values has no type to misfit."""


def run_checks(
    table: pl.LazyFrame,
    checks: Iterable[Check],
    *,
    sample_rows_max: int = 10,
    line_of_first_row: int | None = None,
    masked: Collection[str] = (),
    around: Surroundings | None = None,
) -> CheckReport:
    """Run the checks and return their results in the same order.

    `sample_rows_max` failing rows are kept for each check, with the source line when `line_of_first_row` is known.
    Values of the columns in `masked` appear nowhere in the report. A check that does not fit the table is `errored` in
    the report; nothing is raised for it. `around` holds what checks compare with beside the table: the time, references,
    other tables.
    """
    asked = with_distinct_ids(checks)
    plain, types = as_plain(table)
    plans = [planned(check, types) for check in asked]
    rows, outcomes = counted(plain, types, plans, around or Surroundings())
    samples = first_failing_rows(
        plain,
        {
            plan.check.id: Failing(found.fails, found.involved or found.failing, plan.check.subjects())
            for plan in plans
            if (found := outcomes.get(plan.check.id)) is not None and found.failing and found.fails is not None
        },
        rows=rows,
        rows_max=sample_rows_max,
        line_of_first_row=line_of_first_row,
        masked=masked,
    )
    results = (
        result_of(
            plan.check,
            outcomes.get(plan.check.id),
            samples.get(plan.check.id, ()),
            masked=masked,
            error=plan.error,
            sample_rows_max=sample_rows_max,
        )
        for plan in plans
    )
    return CheckReport(rows, tuple(results))


def planned(check: Check, types: dict[str, ColumnType | None]) -> Planned:
    """Return the check made ready for a table of these types; what does not fit is in its `error`."""
    unfit = unreadable(check, types)
    if unfit is not None:
        return Planned(check, error=unfit)
    try:
        plan = Planned(check, rule_of(check, types), aggregates(check, types))
    except CannotRun as misfit:
        return Planned(check, error=f"The check {misfit}.", excused_without=next(iter(check.subjects()), None))
    if isinstance(check, Range):
        value = pl.col(check.column)
        plan.aggregates = {"min": value.min(), "max": value.max()}
    return plan


def counted(
    plain: pl.LazyFrame, types: dict[str, ColumnType | None], plans: list[Planned], around: Surroundings
) -> tuple[int, dict[str, Outcome]]:
    """Count rows and failures of every plan that can be run."""
    seen = plain.select(wanted(plans)).collect(engine="streaming").row(0, named=True)
    rows = int(seen["rows"])
    partitions = _partitions(plain, plans)
    outcomes: dict[str, Outcome] = {}
    for place, plan in enumerate(plans):
        if plan.error is not None:
            if seen.get(f"{place}.values") == 0:
                outcomes[plan.check.id] = Outcome(0, 0)
            continue
        found = {what: seen[f"{place}.{what}"] for what in plan.aggregates}
        if plan.rule is not None:
            outcome = _of_rule(plan, seen.get(f"{place}.checked", rows), seen[f"{place}.failing"], found)
            outcomes[plan.check.id] = in_partitions(plan.check, outcome, partitions.get(place))
            continue
        try:
            outcomes[plan.check.id] = concluded(plan.check, found, plain, types, rows, around)
        except CannotRun as misfit:
            plan.error = f"The check {misfit}."
    return rows, outcomes


def wanted(plans: Sequence[Planned]) -> list[pl.Expr]:
    """Return what one pass counts for the plans, each by its place: `3.failing`, `3.checked`, `3.min`."""
    asked: list[pl.Expr] = [pl.len().alias("rows")]
    for place, plan in enumerate(plans):
        if plan.excused_without is not None:
            asked.append(pl.col(plan.excused_without).count().alias(f"{place}.values"))
        if plan.error is not None:
            continue
        asked += _counts(place, plan.rule)
        asked += [value.alias(f"{place}.{what}") for what, value in plan.aggregates.items()]
    return asked


def _counts(place: int, rule: RowRule | None) -> list[pl.Expr]:
    if rule is None:
        return []
    counts = [in_polars.fails(rule).sum().alias(f"{place}.failing")]
    if not rule.decides_all:
        one = rule.present[0] if len(rule.present) == 1 and rule.given is None else None
        # a column's count of values is known from its validity mask alone
        decided = in_polars.checked(rule).sum() if one is None else pl.col(one).count()
        counts.append(decided.alias(f"{place}.checked"))
    return counts


def _of_rule(plan: Planned, checked: int | None, failing: int | None, observed: dict[str, Any]) -> Outcome:
    assert plan.rule is not None  # noqa: S101 - asked for by those that have one
    if isinstance(plan.check, Completeness):
        outcome = completeness(plan.check, checked or 0, failing or 0)
    else:
        outcome = Outcome(checked or 0, failing or 0, observed or None)
    outcome.fails = in_polars.fails(plan.rule)
    return outcome


def _partitions(plain: pl.LazyFrame, plans: list[Planned]) -> dict[int, list[PartitionResult] | None]:
    """Return the counts of each partition for checks that have any; None for too many partitions."""
    by: dict[str, list[int]] = {}
    for place, plan in enumerate(plans):
        column = getattr(plan.check, "partition_by", None)
        if column is not None and plan.rule is not None:
            by.setdefault(column, []).append(place)
    found: dict[int, list[PartitionResult] | None] = {}
    for column, places in by.items():
        counts = [count for place in places for count in _counts(place, plans[place].rule)]
        grouped = (
            plain.group_by(pl.col(column).cast(pl.String).alias("value of the partition"))
            .agg(pl.len().alias("rows"), *counts)
            .head(PARTITIONS_MAX + 1)
            .collect(engine="streaming")
        )
        for place in places:
            found[place] = None
            if grouped.height <= PARTITIONS_MAX:
                found[place] = [
                    PartitionResult(
                        row["value of the partition"], row.get(f"{place}.checked", row["rows"]), row[f"{place}.failing"]
                    )
                    for row in grouped.iter_rows(named=True)
                ]
    return found


def in_partitions(check: Check, outcome: Outcome, partitions: list[PartitionResult] | None) -> Outcome:
    """Judge each partition by itself; the outcome fails when one of them does."""
    if getattr(check, "partition_by", None) is None:
        return outcome
    if partitions is None:
        outcome.status = "failed"
        outcome.sentence = f"There are more than {PARTITIONS_MAX:,} partitions; choose a column with fewer values."
        return outcome
    tolerated: float = getattr(check, "at_most_failing", 0.0)
    bad = [part for part in partitions if part.failing > tolerated * part.rows_checked]
    bad.sort(key=lambda part: (-part.failing / max(1, part.rows_checked), part.value or ""))
    outcome.partitions = tuple(bad[:PARTITIONS_SHOWN_MAX])
    outcome.metrics |= {"partitions": len(partitions), "partitions_failing": len(bad)}
    outcome.status = "failed" if bad else "passed"
    return outcome
