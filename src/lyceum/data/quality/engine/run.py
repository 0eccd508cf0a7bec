"""Checks run over a table of any size.

One streaming pass counts everything that a row decides alone. Each `unique` check adds a pass that holds 8 bytes a row
(64-bit hashes, sorted; rows with equal hashes are then compared by value, so the counts are exact). Only when
something fails do two more passes find and fetch the first failing rows.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import inf
from typing import Any

import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.checks import (
    Check,
    InSet,
    NotNull,
    Range,
    RowCount,
    Unique,
    unknown_column,
    with_distinct_ids,
)
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.report import CheckReport, CheckResult, FailingRow
from lyceum.data.quality.engine.samples import first_failing_rows
from lyceum.data.quality.engine.sentences import sentence_of
from lyceum.data.quality.engine.uniqueness import Duplicates, duplicates_in


class CannotRun(ValueError):
    """The check does not fit the table; the text says why, to follow the check's name."""


@dataclass(slots=True)
class _Plan:
    """One check made ready for a table."""

    check: Check
    fails: pl.Expr | None = None
    """True for a failing row, false for others; None for checks a row does not decide alone."""
    checked: pl.Expr | None = None
    """How many rows are checked."""
    observed: dict[str, pl.Expr] = field(default_factory=dict)
    error: str | None = None
    """Why the check cannot be run."""
    excused_without: str | None = None
    """The column that excuses the error when it holds no value: one without values has no type to misfit."""


@dataclass(slots=True)
class _Outcome:
    checked: int
    failing: int
    observed: dict[str, Any] | None = None
    duplicates: Duplicates | None = None


def run_checks(
    table: pl.LazyFrame,
    checks: Iterable[Check],
    *,
    sample_rows_max: int = 10,
    line_of_first_row: int | None = None,
    masked: Collection[str] = (),
) -> CheckReport:
    """Run the checks and return their results in the same order.

    `sample_rows_max` failing rows are kept for each check, with the source line when `line_of_first_row` is known.
    Values of the columns in `masked` appear nowhere in the report. A check that does not fit the table is `errored` in
    the report; nothing is raised for it.
    """
    asked = with_distinct_ids(checks)
    plain, types = as_plain(table)
    plans = [_planned(check, types) for check in asked]
    rows, outcomes = _counted(plain, plans)
    samples = first_failing_rows(
        plain,
        {plan.check.id: fails for plan in plans if (fails := _failing_rows(plan, outcomes)) is not None},
        {plan.check.id: plan.check.subjects() for plan in plans},
        rows_max=sample_rows_max,
        line_of_first_row=line_of_first_row,
        masked=masked,
    )
    return CheckReport(rows, tuple(_result(plan, outcomes, samples, masked) for plan in plans))


def _failing_rows(plan: _Plan, outcomes: dict[str, _Outcome]) -> pl.Expr | None:
    outcome = outcomes.get(plan.check.id)
    if outcome is None or not outcome.failing:
        return None
    return outcome.duplicates.filter() if outcome.duplicates else plan.fails


def _result(
    plan: _Plan,
    outcomes: dict[str, _Outcome],
    samples: dict[str, tuple[FailingRow, ...]],
    masked: Collection[str],
) -> CheckResult:
    check, outcome = plan.check, outcomes.get(plan.check.id)
    if outcome is None:
        return CheckResult(check, "errored", plan.error or "The check could not be run.")
    covered = any(name in masked for name in check.subjects())
    observed = None if covered else outcome.observed
    sample = samples.get(check.id, ())
    fraction = outcome.failing / outcome.checked if outcome.checked else 0.0
    if isinstance(check, RowCount):
        failed, fraction = outcome.failing > 0, float(outcome.failing)
    else:
        failed = fraction > check.at_most_failing
    first = None
    if sample:
        first = f"row {sample[0].row:,}" + (f" (line {sample[0].line:,})" if sample[0].line else "")
    involved = outcome.duplicates.involved if outcome.duplicates else None
    return CheckResult(
        check=check,
        status="failed" if failed else "passed",
        sentence=sentence_of(
            check, checked=outcome.checked, failing=outcome.failing, involved=involved, observed=observed, first=first
        ),
        rows_checked=outcome.checked,
        failing=outcome.failing,
        failing_fraction=fraction,
        rows_involved=involved,
        observed=observed,
        sample=sample,
    )


def _planned(check: Check, types: dict[str, ColumnType | None]) -> _Plan:
    for name in check.subjects():
        if name not in types:
            return _Plan(check, error=f"The check reads the column '{name}', {unknown_column(name, list(types))}.")
        if types[name] is None:
            return _Plan(check, error=f"The check reads the column '{name}', which holds lists, structs or bytes.")
    try:
        return _prepared(check, types)
    except CannotRun as misfit:
        return _Plan(check, error=f"The check {misfit}.", excused_without=check.subjects()[0])


def _prepared(check: Check, types: dict[str, ColumnType | None]) -> _Plan:
    match check:
        case NotNull(column=name):
            return _Plan(check, fails=pl.col(name).is_null(), checked=pl.len())
        case Range(column=name):
            kind = types[name]
            low, high = (_bound(bound, kind, name) for bound in (check.min, check.max))
            value = pl.col(name)
            outside = pl.lit(value=False)
            if low is not None:
                outside = outside | (value < low if check.min_inclusive else value <= low)
            if high is not None:
                outside = outside | (value > high if check.max_inclusive else value >= high)
            present = value.is_not_null()
            seen = {"min": value.min(), "max": value.max()}
            return _Plan(check, fails=present & outside, checked=present.sum(), observed=seen)
        case InSet(column=name):
            present = pl.col(name).is_not_null()
            allowed = pl.Series(_members(check, types[name])).implode()
            return _Plan(check, fails=present & ~pl.col(name).is_in(allowed), checked=present.sum())
        case Unique() | RowCount():
            return _Plan(check)


def _bound(bound: float | str | None, kind: ColumnType | None, name: str) -> pl.Expr | None:
    if bound is None:
        return None
    if kind in {ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_UTC}:
        if not isinstance(bound, str):
            raise CannotRun(
                f"gives the number {bound} as a bound of '{name}', which holds dates; write it as 2024-12-31"
            )
        return pl.lit(_moment(bound, kind, name))
    if kind in {ColumnType.INTEGER, ColumnType.FLOAT}:
        if isinstance(bound, str):
            raise CannotRun(f"gives the text '{bound}' as a bound of '{name}', which holds numbers")
        return pl.lit(_number(bound, kind))
    raise CannotRun(f"compares '{name}' with bounds, but it holds {kind} values; a range is for numbers and dates")


def _number(bound: float, kind: ColumnType) -> float:
    """Return the bound as Polars can hold it: beyond all numbers of the column, one end is as good as another."""
    if isinstance(bound, int) and kind is ColumnType.INTEGER:
        return bound if -(2**63) <= bound < 2**63 else (inf if bound > 0 else -inf)
    try:
        return float(bound)
    except OverflowError:
        return inf if bound > 0 else -inf


def _moment(text: str, kind: ColumnType, name: str) -> date | datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CannotRun(f"gives '{text}' as a bound of '{name}', which is no date; write it as 2024-12-31") from None
    if kind is ColumnType.TIMESTAMP_UTC:
        try:
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            raise CannotRun(f"gives '{text}' for '{name}', which is outside the years 1 to 9999 in UTC") from None
    if moment.tzinfo:
        raise CannotRun(f"gives a bound with an offset for '{name}', whose times have none; leave the offset out")
    return moment


def _members(check: InSet, kind: ColumnType | None) -> list[Any]:
    """Return the set's values in the column's own type; what can never be equal to a value of it is an error."""
    fits: dict[ColumnType, tuple[type, ...]] = {
        ColumnType.BOOLEAN: (bool,),
        ColumnType.INTEGER: (int,),
        ColumnType.FLOAT: (int, float),
    }
    assert kind is not None  # noqa: S101 - columns without a type were refused before
    wanted = fits.get(kind, (str,))
    for value in check.values:
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not ColumnType.BOOLEAN):
            raise CannotRun(f"lists {value!r} for '{check.column}', which holds {kind} values")
        if kind is ColumnType.INTEGER and not -(2**63) <= int(value) < 2**63:
            raise CannotRun(f"lists a number beyond 64 bits for '{check.column}', which no value can be equal to")
    if kind is ColumnType.FLOAT:
        try:
            return [float(value) for value in check.values]
        except OverflowError:
            raise CannotRun(
                f"lists a number beyond all floats for '{check.column}', which no value can be equal to"
            ) from None
    if kind in {ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_UTC}:
        moments = [_moment(str(value), kind, check.column) for value in check.values]
        return (
            [moment.date() for moment in moments if isinstance(moment, datetime)]
            if kind is ColumnType.DATE
            else moments
        )
    return list(check.values)


def _counted(plain: pl.LazyFrame, plans: list[_Plan]) -> tuple[int, dict[str, _Outcome]]:
    """Count rows and failures of every plan that can be run."""
    wanted: list[pl.Expr] = [pl.len().alias("rows")]
    for place, plan in enumerate(plans):
        if plan.excused_without is not None:
            wanted.append(pl.col(plan.excused_without).count().alias(f"{place}.values"))
        if plan.fails is None or plan.checked is None:
            continue
        wanted.append(plan.fails.sum().alias(f"{place}.failing"))
        wanted.append(plan.checked.alias(f"{place}.checked"))
        wanted.extend(value.alias(f"{place}.{what}") for what, value in plan.observed.items())
    seen = plain.select(wanted).collect(engine="streaming").row(0, named=True)
    rows = int(seen["rows"])
    outcomes: dict[str, _Outcome] = {}
    for place, plan in enumerate(plans):
        if plan.error is not None:
            if seen.get(f"{place}.values") == 0:
                outcomes[plan.check.id] = _Outcome(0, 0)
            continue
        match plan.check:
            case RowCount(min=low, max=high):
                short = (low is not None and rows < low) or (high is not None and rows > high)
                outcomes[plan.check.id] = _Outcome(rows, int(short), {"rows": rows})
            case Unique(columns=columns):
                found = duplicates_in(plain, columns, rows=rows)
                outcomes[plan.check.id] = _Outcome(found.compared, found.surplus, duplicates=found)
            case _:
                observed = {what: seen[f"{place}.{what}"] for what in plan.observed} or None
                outcomes[plan.check.id] = _Outcome(
                    seen[f"{place}.checked"] or 0, seen[f"{place}.failing"] or 0, observed
                )
    return rows, outcomes
