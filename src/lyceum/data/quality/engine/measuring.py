"""States of a table's parts by Polars, and the report that merged ones come to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
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
    Range,
    Referential,
    RowCount,
    Schema,
    Sql,
    Statistic,
    Unique,
    Volume,
    with_distinct_ids,
)
from lyceum.data.quality.engine.conclusion import result_of
from lyceum.data.quality.engine.drift import ORDERED_METHODS, ColumnDrift, binned, drift_of_bins, drift_of_categories
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.nodes import NUMBERS, TIMES, CannotRun
from lyceum.data.quality.engine.outcomes import Outcome
from lyceum.data.quality.engine.references import ColumnReference, finite_numbers
from lyceum.data.quality.engine.report import CheckReport, PartitionResult
from lyceum.data.quality.engine.run import PARTITIONS_MAX, Planned, in_partitions, planned, wanted
from lyceum.data.quality.engine.states import (
    CATEGORIES_MAX,
    Binned,
    Categories,
    Counts,
    Extremes,
    Keys,
    Moments,
    Order,
    State,
    TableState,
    keys_of,
)
from lyceum.data.quality.engine.surroundings import Surroundings
from lyceum.data.quality.engine.whole import completeness, concluded, drifted, freshness, statistic, volume

WHOLE = ""
NO_VALUE = "\0"
"""The partition of rows without a value in the partition column."""
HASHES = f"polars {pl.__version__}"
HASH_SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

States = dict[str, dict[str, State]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a table, and what its checks look at beside it."""

    table: pl.LazyFrame
    types: dict[str, ColumnType | None]
    rows: int
    around: Surroundings


def is_mergeable(check: Check) -> bool:
    """Return whether states of parts give what the whole table would; others have to read the whole at once."""
    match check:
        case Schema() | Sql():
            return False
        case Outliers(reference=reference):
            # an isolated row is one among all
            return reference is not None
        case Drift(method=method):
            return method not in ORDERED_METHODS
        case _:
            return True


def measure(table: pl.LazyFrame, checks: Iterable[Check], *, around: Surroundings | None = None) -> TableState:
    """Return the state of a part of a table; checks that are not mergeable are left out of it."""
    asked = with_distinct_ids(checks)
    plain, types = as_plain(table)
    plans = [planned(check, types) for check in asked if is_mergeable(check)]
    unfit = {plan.check.id: plan.error for plan in plans if plan.error is not None}
    plans = [plan for plan in plans if plan.error is None]
    for plan in plans:
        if isinstance(plan.check, Statistic):
            plan.aggregates = _moments(plan.check.column)
    seen = plain.select(wanted(plans)).collect(engine="streaming").row(0, named=True)
    part = _Part(plain, types, seen["rows"], around or Surroundings())
    states: dict[str, States] = {}
    for place, plan in enumerate(plans):
        found = {what.partition(".")[2]: value for what, value in seen.items() if what.startswith(f"{place}.")}
        try:
            states[plan.check.id] = _states(plan, part, found)
        except CannotRun as misfit:
            unfit[plan.check.id] = f"The check {misfit}."
    return TableState(plan=plan_digest(asked), rows=part.rows, states=states, unfit=unfit)


def plan_digest(checks: Sequence[Check]) -> str:
    """Return the digest that states of the same checks share."""
    return blake2b(msgspec.json.encode(checks), digest_size=16).hexdigest()


def report_of(
    state: TableState,
    checks: Iterable[Check],
    *,
    around: Surroundings | None = None,
    masked: Collection[str] = (),
) -> CheckReport:
    """Return the report that the state comes to, without failing rows; raises ValueError for a state of other checks."""
    asked = with_distinct_ids(checks)
    if state.plan != plan_digest(asked):
        raise ValueError("The state is of other checks.")
    where = around or Surroundings()
    results = []
    for check in asked:
        outcome, error = None, state.unfit.get(check.id)
        if not is_mergeable(check):
            error = "The check reads the whole table at once; it cannot be run in parts."
        elif error is None:
            try:
                outcome = _outcome(check, state.states[check.id], state.rows, where)
            except CannotRun as misfit:
                error = f"The check {misfit}."
        results.append(result_of(check, outcome, (), masked=masked, error=error))
    return CheckReport(state.rows, tuple(results))


def _states(plan: Planned, part: _Part, seen: dict[str, Any]) -> States:  # noqa: PLR0911 - one case for each kind
    match plan.check:
        case RowCount() | Volume():
            return {}
        case Unique(columns=columns) | PrimaryKey(columns=columns):
            return {WHOLE: {"keys": _keys(part.table, columns)}}
        case Statistic():
            values, var = seen["values"], seen["var"]
            found = Moments(values, seen["mean"], var * values, seen["low"], seen["high"]) if values else Moments()
            return {WHOLE: {"moments": found}}
        case Freshness():
            kind = part.types[plan.check.column]
            return {WHOLE: {"newest": Extremes(seen["values"], None, _whole(seen["newest"]), kind)}}
        case Monotonic():
            return {WHOLE: {"order": _order(plan.check, part)}}
        case Drift():
            return {WHOLE: {name: _distribution(plan.check, name, part) for name in plan.check.columns}}
        case Outliers() | Referential():
            outcome = concluded(plan.check, {}, part.table, part.types, part.rows, part.around)
            if outcome.status == "skipped":
                raise CannotRun("has no reference to compare with")
            return {WHOLE: {"rows": Counts(outcome.checked, outcome.failing)}}
        case _:
            return _rule_states(plan, part, seen)


def _rule_states(plan: Planned, part: _Part, seen: dict[str, Any]) -> States:
    assert plan.rule is not None  # noqa: S101 - all other kinds were told apart
    by = getattr(plan.check, "partition_by", None)
    if by is not None:
        key = pl.col(by).cast(pl.String).fill_null(NO_VALUE).alias("value of the partition")
        grouped = part.table.group_by(key).agg(wanted([plan])).collect(engine="streaming")
        return {
            row["value of the partition"]: {"rows": Counts(row.get("0.checked", row["rows"]), row["0.failing"])}
            for row in grouped.iter_rows(named=True)
        }
    checked = seen.get("checked", part.rows)
    whole: dict[str, State] = {"rows": Counts(checked or 0, seen["failing"] or 0)}
    if isinstance(plan.check, Range) and (kind := part.types[plan.check.column]) in NUMBERS | TIMES:
        times = kind if kind in TIMES else None
        whole["values"] = Extremes(checked, _whole(seen["min"]), _whole(seen["max"]), times)
    return {WHOLE: whole}


def _moments(name: str) -> dict[str, pl.Expr]:
    value = pl.col(name).cast(pl.Float64)
    finite = value.filter(value.is_finite())
    moments = {"values": finite.count(), "mean": finite.mean(), "var": finite.var(ddof=0)}
    return {**moments, "low": finite.min(), "high": finite.max()}


def _whole(value: Any) -> Any:
    """Return a time as microseconds since 1970, anything else as it is."""
    if not hasattr(value, "isoformat"):
        return value
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)


def _value(number: Any, times: str | None) -> Any:
    """Return what `_whole` was given, of a column with this type of times."""
    if number is None or times is None:
        return number
    at = _EPOCH + timedelta(microseconds=int(number))
    if times == ColumnType.DATE:
        return at.date()
    return at if times == ColumnType.TIMESTAMP_UTC else at.replace(tzinfo=None)


def _keys(table: pl.LazyFrame, columns: Sequence[str]) -> Keys:
    present = table.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
    key = pl.struct(columns)
    halves = [key.hash(seed).alias(str(place)) for place, seed in enumerate(HASH_SEEDS)]
    hashed = present.select(halves).collect(engine="streaming")
    return keys_of(HASHES, hashed["0"].to_numpy(), hashed["1"].to_numpy(), np.ones(hashed.height, dtype=np.uint64))


def _order(check: Monotonic, part: _Part) -> Order:
    outcome = concluded(check, {}, part.table, part.types, part.rows, part.around)
    value = pl.col(check.column).drop_nulls()
    ends = part.table.select(value.first().alias("first"), value.last().alias("last")).collect(engine="streaming")
    first, last = ends.row(0)
    return Order(check.direction, check.strictly, outcome.checked, outcome.failing, _whole(first), _whole(last))


def _distribution(check: Drift, name: str, part: _Part) -> State:
    known = _known(check, name, part.around)
    if part.types[name] in TIMES:
        raise CannotRun(f"compares '{name}', which holds {part.types[name]} values, with a reference")
    series = part.table.select(name).collect(engine="streaming").to_series()
    if (known.type in NUMBERS) is not series.dtype.is_numeric():
        raise CannotRun(f"compares '{name}' with a reference in which it held {known.type} values")
    numbers = finite_numbers(series) if known.type in NUMBERS else None
    if known.edges and numbers is not None:
        return Binned(known.edges, tuple(binned(numbers, known.edges)))
    present = series.drop_nulls() if numbers is None else pl.Series(numbers)
    counted = present.cast(pl.String).value_counts(name="times")
    if counted.height > CATEGORIES_MAX:
        return Categories(len(present), None)
    return Categories(len(present), dict(zip(counted.to_series(0).to_list(), counted["times"].to_list(), strict=True)))


def _known(check: Drift, name: str, around: Surroundings) -> ColumnReference:
    reference = around.references.get(check.reference)
    known = None if reference is None else reference.columns.get(name)
    if known is None:
        raise CannotRun(f"compares '{name}' with the reference '{check.reference}', which does not have it")
    return known


def _outcome(  # noqa: C901, PLR0911 - one case for each kind
    check: Check, states: States, rows: int, around: Surroundings
) -> Outcome:
    match check, states.get(WHOLE, {}):
        case RowCount(min=low, max=high), _:
            short = (low is not None and rows < low) or (high is not None and rows > high)
            return Outcome(rows, int(short), {"rows": rows}, status="failed" if short else "passed")
        case Volume(), _:
            return volume(check, rows, around)
        case Unique(), {"keys": Keys() as keys}:
            return Outcome(keys.rows, keys.surplus, involved=keys.involved)
        case PrimaryKey(), {"keys": Keys() as keys}:
            gaps = rows - keys.rows
            metrics: dict[str, float] = {"rows_with_gap": gaps, "surplus_rows": keys.surplus}
            return Outcome(rows, gaps + keys.surplus, involved=gaps + keys.involved, metrics=metrics)
        case Statistic(), {"moments": Moments() as moments}:
            return statistic(check, moments.values, _figure(check, moments))
        case Freshness(), {"newest": Extremes() as newest}:
            return freshness(check, _value(newest.high, newest.times), rows, around.now)
        case Monotonic(), {"order": Order() as order}:
            return Outcome(order.values, order.breaks)
        case Drift(), found:
            return drifted(check, [_drift(check, name, found[name], around) for name in check.columns])
        case Completeness(), {"rows": Counts() as counts}:
            return completeness(check, counts.checked, counts.failing)
        case _, whole if getattr(check, "partition_by", None) is None:
            return _of_counts(whole)
        case _:
            return _of_partitions(check, states)


def _of_counts(whole: dict[str, State]) -> Outcome:
    counts, values = whole["rows"], whole.get("values")
    assert isinstance(counts, Counts)  # noqa: S101 - every check of rows has them
    observed = None
    if isinstance(values, Extremes):
        observed = {"min": _value(values.low, values.times), "max": _value(values.high, values.times)}
    return Outcome(counts.checked, counts.failing, observed)


def _of_partitions(check: Check, states: States) -> Outcome:
    parts = [
        PartitionResult(None if key == NO_VALUE else key, counts.checked, counts.failing)
        for key, found in states.items()
        if isinstance(counts := found["rows"], Counts)
    ]
    outcome = Outcome(sum(part.rows_checked for part in parts), sum(part.failing for part in parts))
    return in_partitions(check, outcome, parts if len(parts) <= PARTITIONS_MAX else None)


def _figure(check: Statistic, moments: Moments) -> float | None:
    match check.statistic:
        case "mean":
            return moments.mean
        case "std":
            return moments.std
        case "sum":
            return moments.mean * moments.values
        case "min":
            return moments.low
        case "max":
            return moments.high


def _drift(check: Drift, name: str, state: State, around: Surroundings) -> ColumnDrift:
    known = _known(check, name, around)
    values = sum(state.counts) if isinstance(state, Binned) else getattr(state, "values", 0)
    if min(values, known.values) < check.rows_min:
        return ColumnDrift(name, None, values=values)
    if isinstance(state, Binned):
        return drift_of_bins(name, state.counts, known, method=check.method)
    if not isinstance(state, Categories) or state.counts is None:
        raise CannotRun(f"counts the values of '{name}', of which more than {CATEGORIES_MAX:,} differ")
    return drift_of_categories(name, state.counts, 0, known, method=check.method)
