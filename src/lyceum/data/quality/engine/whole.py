"""Checks that take more than one row to decide: their aggregates in the common pass, then what those say."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.checks import (
    Check,
    Completeness,
    Drift,
    Freshness,
    Monotonic,
    Outliers,
    PrimaryKey,
    Referential,
    RowCount,
    Schema,
    Sql,
    Statistic,
    Unique,
    Volume,
)
from lyceum.data.quality.engine.drift import ColumnDrift, drifts_of, with_q_values
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.intervals import rows_to_see, wilson_interval
from lyceum.data.quality.engine.isolated import isolated_rows
from lyceum.data.quality.engine.nodes import NUMBERS, TIMES, CannotRun
from lyceum.data.quality.engine.outcomes import Outcome, judged, skipped
from lyceum.data.quality.engine.references import finite_numbers, robust_scale
from lyceum.data.quality.engine.report import FailingRow
from lyceum.data.quality.engine.sentences import count_bounds, rows_in_words, share_in_words, shown
from lyceum.data.quality.engine.surroundings import Surroundings
from lyceum.data.quality.engine.uniqueness import Duplicates, duplicates_in

Types = dict[str, ColumnType | None]
KEYS_MAX = 20_000_000
"""How many distinct keys of another table are held for a referential check."""


def aggregates(check: Check, types: Types) -> dict[str, pl.Expr]:
    """Return what a check needs of the common pass; raises CannotRun for a misfit."""
    match check:
        case Freshness(column=name):
            if types[name] not in TIMES:
                raise CannotRun(f"asks how old '{name}' is, but it holds {types[name]} values; use a date or time")
            return {"newest": pl.col(name).max(), "values": pl.col(name).count()}
        case Statistic(column=name):
            _require_number(name, types, "computes the statistic of")
            value = pl.col(name).cast(pl.Float64)
            value = value.filter(value.is_finite())
            found = {
                "mean": value.mean(),
                "std": value.std(),
                "sum": value.sum(),
                "min": value.min(),
                "max": value.max(),
            }
            return {"values": value.count(), "figure": found[check.statistic]}
        case Monotonic(column=name):
            if types[name] is ColumnType.BOOLEAN:
                raise CannotRun(f"asks whether '{name}' rises, but it holds boolean values")
            return {}
        case Outliers():
            for name in check.subjects():
                if check.method == "robust_z":
                    _require_number(name, types, "looks for outliers of")
                elif types[name] in TIMES:
                    raise CannotRun(f"looks for isolated rows by '{name}', which holds {types[name]} values")
            return {}
        case _:
            return {}


def concluded(  # noqa: C901, PLR0911, PLR0912 - one case for each kind
    check: Check, seen: dict[str, Any], table: pl.LazyFrame, types: Types, rows: int, around: Surroundings
) -> Outcome:
    """Return what came of a check that rows do not decide alone; raises CannotRun for a misfit."""
    match check:
        case RowCount(min=low, max=high):
            short = (low is not None and rows < low) or (high is not None and rows > high)
            return Outcome(rows, int(short), {"rows": rows}, status="failed" if short else "passed")
        case Unique():
            found = duplicates_in(table, check.columns, rows=rows)
            return Outcome(found.compared, found.surplus, involved=found.involved, fails=_shown_of(found))
        case PrimaryKey():
            return _primary_key(check, table, rows)
        case Freshness():
            return freshness(check, seen["newest"], rows, around.now)
        case Statistic():
            return statistic(check, seen["values"], seen["figure"])
        case Monotonic():
            return _monotonic(check, table)
        case Outliers():
            return _outliers(check, table, around)
        case Referential():
            return _referential(check, table, types, around)
        case Volume():
            return volume(check, rows, around)
        case Schema():
            return _schema(check, types)
        case Drift():
            return _drift(check, table, types, around)
        case Sql():
            return _sql(check, table, rows, around)
        case _:
            raise TypeError(f"a row decides {check.id} alone")


def completeness(check: Completeness, rows: int, missing: int) -> Outcome:
    """Return whether a column's gaps are more than chance explains."""
    filled, needed = (
        rows - missing,
        rows_to_see(
            check.min_share, min(check.visible_fall, check.min_share), confidence=check.confidence, power=check.power
        ),
    )
    low, high = wilson_interval(filled, rows, confidence=check.confidence)
    metrics = {"share": filled / rows if rows else 0.0, "share_low": low, "share_high": high, "rows_needed": needed}
    if high < check.min_share:
        says = (
            f"{share_in_words(filled / rows)} of {rows_in_words(rows)} have {check.column}; even the upper end of the "
            f"{check.confidence:.0%} interval, {share_in_words(high)}, is below {share_in_words(check.min_share)}"
        )
        return Outcome(rows, missing, metrics=metrics, status="failed", sentence=f"{says}.")
    if rows < needed:
        return skipped(
            f"{rows_in_words(rows)} are too few to see {check.column} fall by {share_in_words(check.visible_fall)}; "
            f"{needed:,} are needed.",
            checked=rows,
            **metrics,
        )
    return Outcome(
        rows,
        missing,
        metrics=metrics,
        status="passed",
        sentence=f"{share_in_words(filled / rows)} of {rows_in_words(rows)} have {check.column}; "
        f"{share_in_words(check.min_share)} are asked.",
    )


def _require_number(name: str, types: Types, doing: str) -> None:
    if types[name] not in NUMBERS:
        raise CannotRun(f"{doing} '{name}', which holds {types[name]} values, not numbers")


def _shown_of(found: Duplicates) -> pl.Expr | None:
    return found.filter() if found.surplus else None


def _primary_key(check: PrimaryKey, table: pl.LazyFrame, rows: int) -> Outcome:
    found = duplicates_in(table, check.columns, rows=rows)
    gap = pl.any_horizontal(pl.col(name).is_null() for name in check.columns)
    gaps = rows - found.compared
    return Outcome(
        rows,
        gaps + found.surplus,
        involved=gaps + found.involved,
        fails=gap | found.filter() if found.surplus else gap,
        metrics={"rows_with_gap": gaps, "surplus_rows": found.surplus},
    )


def freshness(check: Freshness, newest: date | None, rows: int, now: datetime) -> Outcome:
    """Return whether the newest value is young enough; a day begins at midnight, UTC where there is no offset."""
    if newest is None:
        return judged(rows, holds=False, sentence=f"There is no value of {check.column} to tell an age by.")
    at = newest if isinstance(newest, datetime) else datetime.combine(newest, time())
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    age = (now - at).total_seconds()
    observed, metrics = {"newest": newest.isoformat()}, {"age_seconds": age}
    if age < -check.ahead_seconds_max:
        says = f"The newest {check.column} is {duration(-age)} in the future, which hides how old the others are."
    elif age > check.age_seconds_max:
        says = f"The newest {check.column} is {duration(age)} old; at most {duration(check.age_seconds_max)} are asked."
    else:
        says = f"The newest {check.column} is {duration(age)} old."
    holds = -check.ahead_seconds_max <= age <= check.age_seconds_max
    return judged(rows, holds=holds, sentence=says, observed=observed, metrics=metrics)


def duration(seconds: float) -> str:
    """Return a span of time in its largest fitting unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:,.0f} seconds"


def statistic(check: Statistic, values: int, figure: float | None) -> Outcome:
    """Return whether the figure lies within its bounds."""
    if not values or figure is None or not isfinite(figure):
        return skipped(f"There are too few finite values of {check.column} for its {check.statistic}.", checked=values)
    low = check.min is None or figure >= check.min
    high = check.max is None or figure <= check.max
    bounds = count_bounds(
        None if check.min is None else shown(check.min), None if check.max is None else shown(check.max)
    )
    return judged(
        values,
        holds=low and high,
        sentence=f"The {check.statistic} of {check.column} is {figure:.6g}; {bounds} is asked.",
        observed={check.statistic: figure},
        metrics={check.statistic: figure},
    )


def _monotonic(check: Monotonic, table: pl.LazyFrame) -> Outcome:
    value = pl.col(check.column)
    before = value.forward_fill().shift(1)
    rising = check.direction == "increasing"
    broken = (
        (value <= before if rising else value >= before)
        if check.strictly
        else (value < before if rising else value > before)
    )
    fails = broken.fill_null(value=False)
    row = table.select(value.count().alias("values"), fails.sum().alias("breaks")).collect(engine="streaming").row(0)
    return Outcome(int(row[0]), int(row[1] or 0), fails=fails)


def _outliers(check: Outliers, table: pl.LazyFrame, around: Surroundings) -> Outcome:
    if check.method == "isolation_forest":
        return isolated_rows(check, table)
    [name] = check.subjects()
    numbers = finite_numbers(table.select(name).collect(engine="streaming").to_series())
    if check.reference is None:
        if not len(numbers):
            return skipped(f"There are no values of {name} to check.")
        centre, scale = float(np.median(numbers)), robust_scale(numbers)
    else:
        kept = around.references.get(check.reference)
        known = kept.columns.get(name) if kept else None
        if known is None or known.median is None or known.spread is None:
            return skipped(f"There is no reference '{check.reference}' of {name} to compare with yet.")
        centre, scale = known.median, known.spread
    reach = check.robust_z_max * scale
    value = pl.col(name)
    fails = ((value.cast(pl.Float64) - centre).abs() > reach).fill_null(value=False)
    row = table.select(value.count().alias("values"), fails.sum().alias("far")).collect(engine="streaming").row(0)
    return Outcome(int(row[0]), int(row[1] or 0), observed={"low": centre - reach, "high": centre + reach}, fails=fails)


def _referential(check: Referential, table: pl.LazyFrame, types: Types, around: Surroundings) -> Outcome:
    try:
        other, other_types = as_plain(around.table_named(check.to))
    except LookupError as absent:
        raise CannotRun(f"compares with another table, but {absent}") from None
    for name, to_name in zip(check.columns, check.to_columns, strict=True):
        if other_types.get(to_name) is not types[name]:
            kind = other_types.get(to_name) or "no readable"
            raise CannotRun(f"looks up '{name}' ({types[name]}) in '{to_name}' of {check.to}, which has {kind} values")
    keys = other.select(check.to_columns).drop_nulls().unique().head(KEYS_MAX + 1).collect(engine="streaming")
    if keys.height > KEYS_MAX:
        raise CannotRun(f"looks up more than {KEYS_MAX:,} distinct keys of {check.to}; check it with a query instead")
    one = len(check.columns) == 1
    known = (
        keys.to_series() if one else keys.rename(dict(zip(check.to_columns, check.columns, strict=True))).to_struct()
    )
    present = pl.all_horizontal(pl.col(name).is_not_null() for name in check.columns)
    key = pl.col(check.columns[0]) if one else pl.struct(check.columns)
    fails = present & ~key.is_in(known.implode())
    row = table.select(present.sum().alias("present"), fails.sum().alias("lost")).collect(engine="streaming").row(0)
    return Outcome(int(row[0]), int(row[1] or 0), fails=fails, metrics={"keys_known": keys.height})


def volume(check: Volume, rows: int, around: Surroundings) -> Outcome:
    """Return whether the table has about as many rows as the reference."""
    reference = around.references.get(check.reference)
    if reference is None:
        return skipped(f"There is no reference '{check.reference}' to compare with yet.", checked=rows)
    was = reference.rows
    change = (rows - was) / was if was else (0.0 if not rows else float("inf"))
    fallen = check.fall_max is not None and change < -check.fall_max
    risen = check.rise_max is not None and change > check.rise_max
    way = "fewer" if rows < was else "more"
    says = f"The table has {rows_in_words(rows)}, {share_in_words(abs(change))} {way} than the reference's {was:,}."
    if rows == was:
        says = f"The table has {rows_in_words(rows)}, as many as the reference."
    metrics = {"change": change} if isfinite(change) else {}
    return judged(rows, holds=not (fallen or risen), sentence=says, observed={"rows": rows}, metrics=metrics)


def _schema(check: Schema, types: Types) -> Outcome:
    wanted = {column.name: column.type for column in check.columns}
    faults = [f"'{name}' is missing" for name in wanted if name not in types]
    faults += [
        f"'{name}' holds {types[name] or 'lists, structs or bytes'} values, not {kind}"
        for name, kind in wanted.items()
        if name in types and kind is not None and types[name] != kind
    ]
    if check.more_columns == "refused":
        faults += [f"'{name}' is new" for name in types if name not in wanted]
    if check.order == "same" and not faults and [name for name in types if name in wanted] != list(wanted):
        faults.append("the columns are in another order")
    more = f" and {len(faults) - 5:,} more" if len(faults) > 5 else ""
    says = (
        f"The table's columns are not as asked: {', '.join(faults[:5])}{more}."
        if faults
        else (f"The table has the {len(wanted):,} columns that are asked.")
    )
    return judged(len(wanted), holds=not faults, sentence=says, failing=len(faults))


def _drift(check: Drift, table: pl.LazyFrame, types: Types, around: Surroundings) -> Outcome:
    reference = around.references.get(check.reference)
    if reference is None:
        return skipped(f"There is no reference '{check.reference}' to compare with yet.")
    for name in check.columns:
        if name not in reference.columns or types[name] in TIMES:
            raise CannotRun(f"compares '{name}' with the reference '{check.reference}', which does not have it")
    known = {name: reference.columns[name] for name in check.columns}
    drifts = drifts_of(table, known, method=check.method, rows_min=check.rows_min)
    return drifted(check, drifts)


def drifted(check: Drift, drifts: Sequence[ColumnDrift]) -> Outcome:
    """Return what the drifts of the columns come to together."""
    told = [drift for drift in with_q_values(drifts) if drift.effect is not None]
    if not told:
        return skipped(f"Fewer than {check.rows_min:,} values on one side are too few to tell drift by.")
    moved = [
        drift
        for drift in told
        if (drift.effect or 0.0) > check.at_most
        and (drift.q_value is None or drift.q_value <= check.false_discovery_rate)
    ]
    metrics = {f"{check.method}.{drift.column}": drift.effect or 0.0 for drift in told}
    metrics |= {f"q_value.{drift.column}": drift.q_value for drift in told if drift.q_value is not None}
    worst = max(moved or told, key=lambda drift: drift.effect or 0.0)
    says = f"{worst.column} has moved furthest, with {check.method} {worst.effect:.3g}; up to {check.at_most:g} is tolerated"
    if not moved:
        says = f"No column has moved: {worst.column} is furthest, with {check.method} {worst.effect:.3g}"
    elif len(moved) > 1:
        says = f"{len(moved):,} of {len(told):,} columns have moved; {says}"
    return judged(len(told), holds=not moved, sentence=f"{says}.", failing=len(moved), metrics=metrics)


def _sql(check: Sql, table: pl.LazyFrame, rows: int, around: Surroundings) -> Outcome:
    from lyceum.data.quality.engine.custom_sql import QueryRefused, rows_found

    try:
        found = rows_found(table, check.query, limits=around.sql)
    except QueryRefused as refused:
        raise CannotRun(f"has a query that cannot be run: {refused}") from None
    holds = found.count <= check.rows_max
    says = f"The query finds {rows_in_words(found.count)}; at most {check.rows_max:,} may be found."
    sample = tuple(FailingRow(place, None, values) for place, values in enumerate(found.sample, start=1))
    return judged(rows, holds=holds, sentence=says, failing=found.count, rows=() if holds else sample)
