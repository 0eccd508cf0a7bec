"""States of a table's parts by Polars, and the report that merged ones come to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine import in_polars
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
from lyceum.data.quality.engine.run import Planned, in_partitions, planned
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
            return reference is not None
        case Drift(method=method):
            return method not in ORDERED_METHODS
        case _:
            return True


def measure(table: pl.LazyFrame, checks: Iterable[Check], *, around: Surroundings | None = None) -> TableState:
    """Return the state of a part of a table; checks that are not mergeable are left out of it."""
    asked = with_distinct_ids(checks)
    plain, types = as_plain(table)
    rows = int(plain.select(pl.len()).collect(engine="streaming").item())
    part = _Part(plain, types, rows, around or Surroundings())
    states: dict[str, States] = {}
    unfit: dict[str, str] = {}
    for check in filter(is_mergeable, asked):
        plan = planned(check, types)
        if plan.error is not None:
            unfit[check.id] = plan.error
            continue
        try:
            states[check.id] = _states(plan, part)
        except CannotRun as misfit:
            unfit[check.id] = f"The check {misfit}."
    return TableState(plan=plan_digest(asked), rows=rows, states=states, unfit=unfit)


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


def _states(plan: Planned, part: _Part) -> States:  # noqa: PLR0911 - one case for each kind
    match plan.check:
        case RowCount() | Volume():
            return {}
        case Unique(columns=columns) | PrimaryKey(columns=columns):
            return {WHOLE: {"keys": _keys(part.table, columns)}}
        case Statistic(column=name):
            return {WHOLE: {"moments": _moments(part.table, name)}}
        case Freshness(column=name):
            return {WHOLE: {"newest": _extremes(part.table, name)}}
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
            return _rule_states(plan, part)


def _rule_states(plan: Planned, part: _Part) -> States:
    assert plan.rule is not None  # noqa: S101 - all other kinds were told apart
    counts = [in_polars.checked(plan.rule).sum().alias("checked"), in_polars.fails(plan.rule).sum().alias("failing")]
    if plan.rule.decides_all:
        counts[0] = pl.len().alias("checked")
    by = getattr(plan.check, "partition_by", None)
    if by is not None:
        key = pl.col(by).cast(pl.String).fill_null(NO_VALUE).alias("value of the partition")
        grouped = part.table.group_by(key).agg(counts).collect(engine="streaming")
        return {key: {"rows": Counts(checked, failing or 0)} for key, checked, failing in grouped.iter_rows()}
    checked, failing = part.table.select(counts).collect(engine="streaming").row(0)
    whole: dict[str, State] = {"rows": Counts(checked or 0, failing or 0)}
    if isinstance(plan.check, Range) and part.types[plan.check.column] in NUMBERS:
        whole["values"] = _extremes(part.table, plan.check.column)
    return {WHOLE: whole}


def _moments(table: pl.LazyFrame, name: str) -> Moments:
    value = pl.col(name).cast(pl.Float64)
    finite = value.filter(value.is_finite())
    wanted = [finite.count(), finite.mean().alias("mean"), finite.var(ddof=0).alias("var")]
    wanted += [finite.min().alias("low"), finite.max().alias("high")]
    count, mean, var, low, high = table.select(wanted).collect(engine="streaming").row(0)
    return Moments(count, mean, var * count, low, high) if count else Moments()


def _extremes(table: pl.LazyFrame, name: str) -> Extremes:
    value = pl.col(name)
    found = table.select(value.count().alias("values"), value.min().alias("low"), value.max().alias("high"))
    count, low, high = found.collect(engine="streaming").row(0)
    return Extremes(count, _whole(low), _whole(high)) if count else Extremes()


def _whole(value: Any) -> Any:
    """Return a time as microseconds since 1970, anything else as it is."""
    if not hasattr(value, "isoformat"):
        return value
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)


def _keys(table: pl.LazyFrame, columns: Sequence[str]) -> Keys:
    present = table.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
    key = pl.struct(columns)
    halves = [key.hash(seed).alias(str(place)) for place, seed in enumerate(HASH_SEEDS)]
    hashed = present.select(halves).group_by("0", "1").agg(pl.len().alias("times")).collect(engine="streaming")
    words = (hashed[name].cast(pl.UInt64).to_numpy() for name in ("0", "1", "times"))
    return keys_of(HASHES, *words)


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
            at = None if newest.high is None else _EPOCH + timedelta(microseconds=int(newest.high))
            return freshness(check, at, rows, around.now)
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
    observed = {"min": values.low, "max": values.high} if isinstance(values, Extremes) else None
    return Outcome(counts.checked, counts.failing, observed)


def _of_partitions(check: Check, states: States) -> Outcome:
    parts = [
        PartitionResult(None if key == NO_VALUE else key, counts.checked, counts.failing)
        for key, found in states.items()
        if isinstance(counts := found["rows"], Counts)
    ]
    outcome = Outcome(sum(part.rows_checked for part in parts), sum(part.failing for part in parts))
    return in_partitions(check, outcome, parts)


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
