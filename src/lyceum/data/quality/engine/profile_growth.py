"""The profile of a table that has grown at its end, from the profile it had and the new rows alone.

Counts, means, deviations, extremes, lengths and orders are merged and stay exact. Distributions are carried on: new values are
counted in the bins and among the frequent values that are known, and quantiles, forms and correlations stay those of the last
complete profile, until the table has grown by a tenth since. So a table that is pushed to all day is read whole a few times, not
at each push.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.profile import (
    ColumnProfile,
    Histogram,
    Shown,
    TableProfile,
    ValueCount,
    edge_shown,
    profile_table,
    shown,
)
from lyceum.data.quality.engine.schema import ColumnSchema, TableSchema
from lyceum.data.quality.engine.states import Moments

COMPLETE_ROWS_MAX = 100_000
"""Tables up to here are read whole: it takes no longer than to look at what is new."""
GROWTH_MAX = 0.1
"""Since the last complete profile, as a share of the rows it saw."""
_NUMBERS = {ColumnType.INTEGER, ColumnType.FLOAT}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def grown_profile(before: TableProfile, added: pl.LazyFrame) -> TableProfile | None:
    """Return the profile of the table with the rows added at its end; None where it is to be read whole.

    That is so for a small table, for one that has grown by a tenth since it was read whole, for other columns, and where the
    profile lacks what values it saw, for they were cut.
    """
    if before.rows < COMPLETE_ROWS_MAX or any(_lacks_values(column, before.rows) for column in before.columns):
        return None
    plain, types = as_plain(added)
    known = {name: kind for name, kind in types.items() if kind is not None}
    if known != {column.name: column.type for column in before.columns}:
        return None
    complete = before.rows if before.complete_rows is None else before.complete_rows
    new = profile_table(plain)
    if before.rows + new.rows > complete * (1 + GROWTH_MAX):
        return None
    if not new.rows:
        return before
    columns = tuple(
        _grown(old, young, plain.select(old.name), (before.rows, new.rows))
        for old, young in zip(before.columns, new.columns, strict=True)
    )
    return TableProfile(
        rows=before.rows + new.rows,
        duplicate_rows=None,
        columns=columns,
        sampled_every=before.sampled_every,
        correlations=before.correlations,
        complete_rows=complete,
    )


def schema_of(profile: TableProfile) -> TableSchema:
    """Return the schema that fits the profile's table, as `infer_schema` finds it by reading."""
    return TableSchema(
        tuple(ColumnSchema(column.name, column.type, nullable=column.missing > 0) for column in profile.columns)
    )


def _grown(old: ColumnProfile, new: ColumnProfile, added: pl.LazyFrame, rows: tuple[int, int]) -> ColumnProfile:
    """Return a column's profile; `rows` are those that were there and the new ones."""
    missing = old.missing + new.missing
    before, young = rows[0] - old.missing, rows[1] - new.missing
    filled = before + young
    moments = _moments(old, before).merged(_moments(new, young))
    apart = _follows(old, new)
    return ColumnProfile(
        name=old.name,
        type=old.type,
        missing=missing,
        missing_fraction=missing / sum(rows),
        # values beyond all that were there are new ones; of others only the larger number is certain
        distinct=min(filled, old.distinct + new.distinct if apart else max(old.distinct, new.distinct)),
        distinct_is_exact=old.distinct_is_exact and new.distinct_is_exact and (apart or not new.distinct),
        min=_end(old.min, new.min, least=True),
        max=_end(old.max, new.max, least=False),
        mean=moments.mean if moments.values else None,
        std=moments.std,
        infinite=old.infinite + new.infinite,
        quantiles=old.quantiles or new.quantiles,
        histogram=_histogram(old, new, added),
        top_values=_top_values(old, added),
        length_min=min((each for each in (old.length_min, new.length_min) if each is not None), default=None),
        length_mean=_length_mean(old, new, before, young),
        length_max=max((each for each in (old.length_max, new.length_max) if each is not None), default=None),
        order=_order(old, new),
        patterns=old.patterns or new.patterns,
        shapes=old.shapes or new.shapes,
    )


def _lacks_values(column: ColumnProfile, rows: int) -> bool:
    """Return whether a profile does not say what it said of a column when it was made: an erasure cuts all but the counts."""
    filled = rows - column.missing
    if column.type is ColumnType.BOOLEAN:
        return filled > column.distinct and not column.top_values
    # infinite values, which are no end, are counted among what is cut
    return filled > 0 and column.min is None and not column.infinite


def _moments(column: ColumnProfile, filled: int) -> Moments:
    values = filled - column.infinite
    if column.mean is None or values <= 0:
        return Moments()
    return Moments(values, column.mean, (column.std or 0.0) ** 2 * (values - 1))


def _follows(old: ColumnProfile, new: ColumnProfile) -> bool:
    """Return whether all new values lie beyond those that were there."""
    if old.max is None or new.min is None or old.infinite or new.infinite:
        return False
    # both are of one column, so they compare
    return bool(new.min > old.max)  # type: ignore[operator]


def _end(old: Shown | None, new: Shown | None, *, least: bool) -> Shown | None:
    """Return the smaller or the larger; texts of days and times are in the order of what they say."""
    present: list[Any] = [each for each in (old, new) if each is not None]
    return (min if least else max)(present, default=None)


def _length_mean(old: ColumnProfile, new: ColumnProfile, before: int, young: int) -> float | None:
    known = [(each, count) for each, count in ((old.length_mean, before), (new.length_mean, young)) if each is not None]
    return sum(each * count for each, count in known) / sum(count for _, count in known) if known else None


def _order(old: ColumnProfile, new: ColumnProfile) -> Any:
    """Return the order of both parts: that of the old ones, where the new ones keep it and go on behind."""
    if old.order is None or new.min is None:
        return old.order
    ends: list[Any] = [old.max, new.min] if old.order == "increasing" else [new.max, old.min]
    keeps_it = new.min == new.max or new.order == old.order
    return old.order if keeps_it and ends[0] <= ends[1] and not new.infinite and not old.infinite else None


def _top_values(old: ColumnProfile, added: pl.LazyFrame) -> tuple[ValueCount, ...]:
    """Return the values that were the most frequent, with how often they are there now."""
    if not old.top_values:
        return ()
    counted = added.select(pl.col(old.name).alias("value")).drop_nulls().group_by("value").len().collect()
    more: dict[Any, int] = {}
    for value, count in counted.iter_rows():
        told = shown(value)
        more[told] = more.get(told, 0) + count
    found = [ValueCount(each.value, each.count + more.get(each.value, 0)) for each in old.top_values]
    return tuple(sorted(found, key=lambda each: -each.count))


def _histogram(old: ColumnProfile, new: ColumnProfile, added: pl.LazyFrame) -> Histogram | None:
    """Return the bins that were there, the outer ones made wider where new values lie outside, with the new values counted."""
    if old.histogram is None or new.histogram is None:
        return old.histogram or new.histogram
    values = added.collect().to_series().drop_nulls()
    edges: list[Any]
    if old.type is ColumnType.FLOAT:
        values = values.filter(values.is_finite())
        edges = [float(edge) for edge in old.histogram.edges]
        edges[0], edges[-1] = min(edges[0], float(values.min())), max(edges[-1], float(values.max()))  # type: ignore[arg-type]
        inside = values.to_numpy()
    else:
        inside = values.to_physical().cast(pl.Int64).to_numpy()
        edges = [_whole(edge, old.type) for edge in old.histogram.edges]
        edges[0], edges[-1] = min(edges[0], int(inside.min())), max(edges[-1], int(inside.max()) + 1)
    places = np.searchsorted(np.array(edges[1:-1], dtype=inside.dtype), inside, side="right")
    more = np.bincount(places, minlength=len(old.histogram.counts))
    counts = tuple(count + int(extra) for count, extra in zip(old.histogram.counts, more, strict=True))
    if old.type in _NUMBERS:
        return Histogram(tuple(edges), counts)
    return Histogram(tuple(edge_shown(edge, old.type) for edge in edges), counts)


def _whole(edge: float | str, kind: ColumnType) -> int:
    """Return an edge as whole numbers are kept: days or microseconds since 1970."""
    if not isinstance(edge, str):
        return int(edge)
    if kind is ColumnType.DATE:
        return (date.fromisoformat(edge) - _EPOCH.date()).days
    moment = datetime.fromisoformat(edge)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
