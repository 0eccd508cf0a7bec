"""What a table looks like: counts, ranges, distributions and frequent values of every column.

One streaming pass reads the counts and moments of all columns; then each column is read once more by itself for its
distinct values, quantiles, histogram and most frequent values, in 8 bytes a row. All figures are exact up to
`EXACT_ROWS_MAX` rows; beyond, distinct counts are estimates (about 2 % off), and quantiles, histograms and frequent
values come from every n-th row, with n in `sampled_every`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.correlations import Correlation, correlations_of
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.text_patterns import TEXTS_LOOKED_AT_MAX, TextPattern, TextShape, patterns_of

EXACT_ROWS_MAX = 50_000_000
HISTOGRAM_BINS_MAX = 20
TOP_VALUES_MAX = 20
TOP_VALUES_DISTINCT_MAX = 100_000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TEXT_CHARS_MAX = 200
GROUP_COLUMNS = 64
GROUP_ROWS_MAX = 16_384
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Shown = bool | int | float | str
_NUMBERS = {ColumnType.INTEGER, ColumnType.FLOAT}
_TIMES = {ColumnType.DATE, ColumnType.TIMESTAMP, ColumnType.TIMESTAMP_UTC}


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts[i]` values lie from `edges[i]` up to, not including, `edges[i + 1]`; the last bin includes its end."""

    edges: tuple[int | float | str, ...]
    """Numbers, or ISO texts for dates and times."""
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ValueCount:
    """How often a value occurs; a long text is cut to 200 characters."""

    value: Shown
    count: int


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column. Figures that its type does not have are None; dates and times are ISO texts."""

    name: str
    type: ColumnType
    missing: int
    """Null, and NaN in a column of floats."""
    missing_fraction: float
    distinct: int
    distinct_is_exact: bool
    min: Shown | None = None
    """Of numbers: the smallest finite one; of texts: the first in code point order."""
    max: Shown | None = None
    mean: float | None = None
    """Of the finite values, as are `std` (n - 1), the quantiles and the histogram."""
    std: float | None = None
    infinite: int = 0
    quantiles: dict[str, float] | None = None
    """By probability, interpolated linearly."""
    histogram: Histogram | None = None
    top_values: tuple[ValueCount, ...] = ()
    """The most frequent values, ties in order of the value; none when no value repeats or too many differ."""
    length_min: int | None = None
    """Of texts, in characters."""
    length_mean: float | None = None
    length_max: int | None = None
    order: Literal["increasing", "decreasing"] | None = None
    """Of numbers and times that never go back, or never forth, from row to row; None beyond the exact size."""
    patterns: tuple[TextPattern, ...] = ()
    """Forms that at least half of up to 10,000 texts have, the most frequent first: of addresses, days, identifiers."""
    shapes: tuple[TextShape, ...] = ()
    """The most frequent shapes of the same texts; none for free text."""


@dataclass(frozen=True, slots=True)
class TableProfile:
    """The table as a whole and its columns in order."""

    rows: int
    duplicate_rows: int | None
    """Rows equal in every column to an earlier one; None for tables beyond the exact size."""
    columns: tuple[ColumnProfile, ...]
    sampled_every: int = 1
    correlations: tuple[Correlation, ...] = ()
    """Of pairs of columns of numbers, the strongest first."""
    complete_rows: int | None = None
    """Of a table that has grown: how many rows the last profile saw that read it whole, from which distributions were carried on."""

    def column(self, name: str) -> ColumnProfile:
        """Return the profile of one column; raises KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_plain(self) -> dict[str, Any]:
        """Return the profile in the types JSON has."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return plain


def profile_table(table: pl.LazyFrame) -> TableProfile:
    """Return the profile; columns of lists, structs or bytes are left out."""
    plain, types = as_plain(table)
    known = {name: kind for name, kind in types.items() if kind is not None}
    plain = plain.select(list(known))
    rows = int(plain.select(pl.len()).collect(engine="streaming").item())
    every = max(1, -(-rows // EXACT_ROWS_MAX))
    seen: dict[str, Any] = {}
    if known:
        seen = plain.select(_moments(known, every)).collect(engine="streaming").row(0, named=True)
    columns = tuple(
        _profiled(column, name, kind, {key: seen[f"{place}.{key}"] for key in _keys(kind)}, rows, every)
        for place, ((name, kind), column) in enumerate(
            zip(known.items(), _one_by_one(plain, list(known), rows), strict=True)
        )
    )
    duplicates = _duplicate_rows(plain, list(known), rows, every)
    numbers = [column.name for column in columns if column.type in _NUMBERS and column.distinct > 1]
    return TableProfile(rows, duplicates, columns, every, correlations_of(plain, numbers, rows))


def _one_by_one(table: pl.LazyFrame, names: list[str], rows: int) -> Iterator[pl.LazyFrame]:
    """Yield each column as a table of its own.

    A plan takes time for each column of the file it reads, so a wide table would take the square of its width: where there
    are few rows, columns are read by the group.
    """
    if rows > GROUP_ROWS_MAX:
        yield from (table.select(name) for name in names)
        return
    for start in range(0, len(names), GROUP_COLUMNS):
        group = names[start : start + GROUP_COLUMNS]
        held = table.select(group).collect(engine="streaming")
        yield from (held.select(name).lazy() for name in group)


def _keys(kind: ColumnType) -> list[str]:
    keys = ["missing", "distinct", "min", "max"]
    if kind in _NUMBERS:
        keys += ["mean", "std", "infinite"]
    if kind is ColumnType.STRING:
        keys += ["length_min", "length_mean", "length_max"]
    return keys


def _moments(types: dict[str, ColumnType], every: int) -> list[pl.Expr]:
    wanted: list[pl.Expr] = []
    for place, (name, kind) in enumerate(types.items()):
        value = pl.col(name)
        finite = value.filter(value.is_finite()) if kind is ColumnType.FLOAT else value
        length = value.str.len_chars()
        figures = {
            "missing": value.null_count(),
            "distinct": value.drop_nulls().approx_n_unique() if every > 1 else pl.lit(0),
            "min": finite.min(),
            "max": finite.max(),
            "mean": finite.mean(),
            "std": finite.std(),
            "infinite": value.is_infinite().sum() if kind is ColumnType.FLOAT else pl.lit(0),
            "length_min": length.min(),
            "length_mean": length.mean(),
            "length_max": length.max(),
        }
        wanted += [figures[key].alias(f"{place}.{key}") for key in _keys(kind)]
    return wanted


def _profiled(
    column: pl.LazyFrame, name: str, kind: ColumnType, seen: dict[str, Any], rows: int, every: int
) -> ColumnProfile:
    sampled = column.gather_every(every) if every > 1 else column
    distinct, histogram, quantiles, order = seen["distinct"], None, None, None
    if kind in _NUMBERS or kind in _TIMES:
        as_they_come = sampled.collect(engine="streaming").to_series().drop_nulls()
        order = _order(as_they_come) if every == 1 else None
        values = as_they_come.sort()
        distinct = distinct if every > 1 else values.n_unique()
        finite = values.filter(values.is_finite()) if kind is ColumnType.FLOAT else values
        if not finite.is_empty():
            histogram = _histogram(finite, kind)
            quantiles = _quantiles(finite) if kind in _NUMBERS else None
    elif every == 1:
        hashes = column.select(pl.col(name).drop_nulls().hash()).collect(engine="streaming").to_series()
        distinct = hashes.n_unique()
    filled = rows - seen["missing"]
    patterns, shapes = patterns_of(_texts(sampled, name, filled // every)) if kind is ColumnType.STRING else ((), ())
    return ColumnProfile(
        name=name,
        type=kind,
        missing=seen["missing"],
        missing_fraction=seen["missing"] / rows if rows else 0.0,
        distinct=distinct,
        distinct_is_exact=every == 1,
        min=shown(seen["min"]),
        max=shown(seen["max"]),
        mean=_finite(seen.get("mean")),
        std=_finite(seen.get("std")),
        infinite=seen.get("infinite", 0) or 0,
        quantiles=quantiles,
        histogram=histogram,
        top_values=_top_values(sampled, name) if distinct <= min(TOP_VALUES_DISTINCT_MAX, filled - 1) else (),
        length_min=seen.get("length_min"),
        length_mean=seen.get("length_mean"),
        length_max=seen.get("length_max"),
        order=order,
        patterns=patterns,
        shapes=shapes,
    )


def _order(values: pl.Series) -> Literal["increasing", "decreasing"] | None:
    if len(values) < 2 or values[0] == values[-1]:
        return None
    descending = bool(values[0] > values[-1])
    if not values.is_sorted(descending=descending):
        return None
    return "decreasing" if descending else "increasing"


def _texts(column: pl.LazyFrame, name: str, filled: int) -> pl.Series:
    """Return texts of a column from all over it."""
    apart = max(1, -(-filled // TEXTS_LOOKED_AT_MAX))
    present = column.filter(pl.col(name).is_not_null())
    return present.gather_every(apart).head(TEXTS_LOOKED_AT_MAX).collect(engine="streaming").to_series()


def _quantiles(ordered: pl.Series) -> dict[str, float]:
    values = ordered.cast(pl.Float64)
    return {f"{share:g}": float(values.quantile(share, interpolation="linear") or 0.0) for share in QUANTILES}


def _histogram(ordered: pl.Series, kind: ColumnType) -> Histogram:
    """Return bins of equal width over the sorted `ordered`; those of whole numbers and times begin at whole ones."""
    if kind is ColumnType.FLOAT:
        low, high = float(ordered[0]), float(ordered[-1])
        bins = HISTOGRAM_BINS_MAX if high > low else 1
        floats = [low * (1 - step / bins) + high * (step / bins) for step in range(bins + 1)]
        return Histogram(tuple(floats), _counts(ordered.to_numpy(), floats))
    whole = ordered.to_physical().cast(pl.Int64).to_numpy()
    low_int, high_int = int(whole[0]), int(whole[-1])
    width = max(1, -(-(high_int - low_int + 1) // HISTOGRAM_BINS_MAX))
    bins = -(-(high_int - low_int + 1) // width)
    edges = [low_int + step * width for step in range(bins + 1)]
    counts = _counts(whole, edges)
    return Histogram(tuple(edge_shown(edge, kind) for edge in edges), counts)


def _counts(ordered: Any, edges: list[Any]) -> tuple[int, ...]:
    inner = np.searchsorted(ordered, np.array(edges[1:-1], dtype=ordered.dtype), side="left")
    return tuple(int(count) for count in np.diff([0, *inner.tolist(), len(ordered)]))


def edge_shown(edge: int, kind: ColumnType) -> int | str:
    """Return a bin's edge, in whole numbers as they are kept, as profiles show it."""
    if kind is ColumnType.INTEGER:
        return edge
    try:
        moment = _EPOCH + (timedelta(days=edge) if kind is ColumnType.DATE else timedelta(microseconds=edge))
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC)
    if kind is ColumnType.DATE:
        return moment.date().isoformat()
    return (moment if kind is ColumnType.TIMESTAMP_UTC else moment.replace(tzinfo=None)).isoformat()


def _top_values(column: pl.LazyFrame, name: str) -> tuple[ValueCount, ...]:
    counted = (
        column.filter(pl.col(name).is_not_null())
        .select(pl.col(name).alias("value"))
        .group_by("value")
        .agg(pl.len().alias("count"))
        .sort(["count", "value"], descending=[True, False])
        .head(TOP_VALUES_MAX)
        .collect(engine="streaming")
    )
    told = ((shown(value), count) for value, count in counted.iter_rows())
    return tuple(ValueCount(value, count) for value, count in told if value is not None)


def _duplicate_rows(table: pl.LazyFrame, names: list[str], rows: int, every: int) -> int | None:
    if every > 1:
        return None
    if not names or not rows:
        return 0
    return rows - table.select(pl.struct(names).hash()).collect(engine="streaming").to_series().n_unique()


def shown(value: Any) -> Shown | None:
    """Return a value as profiles show it: texts cut to 200 characters, days and times in ISO form."""
    if isinstance(value, str):
        return value if len(value) <= TEXT_CHARS_MAX else value[: TEXT_CHARS_MAX - 1] + "…"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
