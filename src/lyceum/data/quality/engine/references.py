"""What a table was like, kept in a few kilobytes a column, for later ones to be compared with."""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.nodes import NUMBERS

REFERENCE_VERSION = 1
BINS = 10
CATEGORIES_MAX = 1_000
DISTINCT_AS_CATEGORIES_MAX = 10
"""Numbers with no more distinct values are compared value by value."""
VALUES_EXACT_MAX = 20_000
"""A column's values are kept one by one up to here; of more, as many evenly spaced in their order."""


class InvalidReference(ValueError):
    """Bytes that are no reference this version reads."""


class ColumnReference(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of one column's values, missing ones left out."""

    type: ColumnType
    values: int
    """How many there were."""
    missing: int
    median: float | None = None
    spread: float | None = None
    """A robust standard deviation, as `robust_scale` gives it."""
    std: float | None = None
    edges: tuple[float, ...] = ()
    """The inner edges of bins that held about equally many values; a value on an edge lies above it."""
    categories: dict[str, int] = {}
    """How often each value occurs, where they are few; the rest is in `rare`."""
    rare: int = 0
    ordered: bytes = b""
    """Values in their order as little-endian 64-bit floats."""
    exact: bool = True
    """Whether `ordered` holds all of them."""

    def numbers(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the kept values in their order."""
        return np.frombuffer(self.ordered, dtype="<f8")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The number of rows and the distributions of columns."""

    version: int = REFERENCE_VERSION
    rows: int
    columns: dict[str, ColumnReference]

    def to_bytes(self) -> bytes:
        """Return the reference to be stored."""
        return msgspec.msgpack.encode(self)


def reference_from_bytes(stored: bytes) -> Reference:
    """Return what `Reference.to_bytes` gave; raises InvalidReference."""
    try:
        reference = msgspec.msgpack.decode(stored, type=Reference)
    except msgspec.DecodeError as wrong:
        raise InvalidReference(f"The stored reference cannot be read: {wrong}.") from wrong
    if reference.version != REFERENCE_VERSION:
        raise InvalidReference(f"The stored reference is of version {reference.version}; make it anew from its table.")
    return reference


def reference_of(
    table: pl.LazyFrame, columns: Iterable[str] | None = None, *, values_max: int = VALUES_EXACT_MAX
) -> Reference:
    """Return the reference of a table's numbers, texts and truth values, or of the named columns only.

    Of a column's numbers `values_max` are kept, 8 bytes each.

    Reads one column after the other and holds one at a time.
    """
    plain, types = as_plain(table)
    wanted = list(types if columns is None else columns)
    rows = int(plain.select(pl.len()).collect(engine="streaming").item())
    found = {
        name: _column(plain.select(name).collect(engine="streaming").to_series(), kind, values_max)
        for name in wanted
        if (kind := types.get(name)) in NUMBERS | {ColumnType.STRING, ColumnType.BOOLEAN} and kind is not None
    }
    return Reference(rows=rows, columns=found)


def _column(series: pl.Series, kind: ColumnType, values_max: int) -> ColumnReference:
    present = series.drop_nulls()
    missing = len(series) - len(present)
    if kind not in NUMBERS:
        categories, rare = category_counts(present)
        return ColumnReference(type=kind, values=len(present), missing=missing, categories=categories, rare=rare)
    numbers = finite_numbers(present)
    if not len(numbers):
        return ColumnReference(type=kind, values=0, missing=missing)
    exact = len(numbers) <= values_max
    places = np.linspace(0, len(numbers) - 1, values_max).round().astype(np.int64)
    few = present.n_unique() <= DISTINCT_AS_CATEGORIES_MAX
    categories, rare = category_counts(pl.Series(numbers)) if few else ({}, 0)
    return ColumnReference(
        type=kind,
        values=len(numbers),
        missing=missing,
        median=float(np.median(numbers)),
        spread=robust_scale(numbers),
        std=float(numbers.std()),
        edges=() if few else quantile_edges(numbers),
        categories=categories,
        rare=rare,
        ordered=(numbers if exact else numbers[places]).astype("<f8").tobytes(),
        exact=exact,
    )


def finite_numbers(series: pl.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the finite values in ascending order."""
    values = series.drop_nulls().cast(pl.Float64)
    return values.filter(values.is_finite()).sort().to_numpy()


def quantile_edges(ordered: np.ndarray[Any, np.dtype[np.float64]], bins: int = BINS) -> tuple[float, ...]:
    """Return the distinct inner edges of bins that hold about equally many of the ordered values."""
    edges = np.quantile(ordered, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    return tuple(float(edge) for edge in np.unique(edges))


def category_counts(series: pl.Series, most: int = CATEGORIES_MAX) -> tuple[dict[str, int], int]:
    """Return how often each of the most frequent values occurs, and how many values are none of them."""
    counted = series.cast(pl.String).value_counts(sort=True, name="times").head(most)
    counts = dict(zip(counted.to_series(0).to_list(), counted["times"].to_list(), strict=True))
    return counts, len(series) - sum(counts.values())


def robust_scale(ordered: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return 1.4826 times the median absolute deviation from the median; with it 0, 1.2533 times the mean one.

    Both estimate the standard deviation of normal values. B. Iglewicz, D. C. Hoaglin, "How to Detect and Handle Outliers"
    (1993), which also gives the way out for a column whose half is one value. Constant values have the scale 0.
    """
    apart = np.abs(ordered - np.median(ordered))
    return float(1.4826 * np.median(apart)) or float(1.2533 * apart.mean())
