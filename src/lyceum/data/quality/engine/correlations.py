"""How columns of numbers go together."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

ROWS_LOOKED_AT_MAX = 20_000
COLUMNS_MAX = 30
PAIRS_MAX = 50
STRENGTH_MIN = 0.1
"""Weaker ones are left out."""
ROWS_MIN = 10

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Correlation:
    """Of two columns, over rows in which both hold a finite number: of the values, and of their ranks (Spearman)."""

    left: str
    right: str
    pearson: float
    spearman: float
    rows: int


def correlations_of(table: pl.LazyFrame, names: list[str], rows: int) -> tuple[Correlation, ...]:
    """Return the 50 strongest correlations of the first 30 columns, over at most 20,000 rows from all over the table.

    Ranks are those among a column's own values, ties by their mean; W. H. Press et al., "Numerical Recipes", 14.6.1.
    """
    names = names[:COLUMNS_MAX]
    if len(names) < 2 or rows < ROWS_MIN:
        return ()
    apart = max(1, -(-rows // ROWS_LOOKED_AT_MAX))
    numbers = (
        table.select(pl.col(names).cast(pl.Float64)).gather_every(apart).collect(engine="streaming").fill_null(np.nan)
    )
    values = {name: numbers[name].to_numpy() for name in names}
    ranks = {name: _ranks(numbers[name]) for name in names}
    found = []
    for left, right in combinations(names, 2):
        both = np.isfinite(values[left]) & np.isfinite(values[right])
        count = int(both.sum())
        pearson = _pearson(values[left][both], values[right][both]) if count >= ROWS_MIN else None
        spearman = _pearson(ranks[left][both], ranks[right][both]) if count >= ROWS_MIN else None
        if pearson is None or spearman is None or max(abs(pearson), abs(spearman)) < STRENGTH_MIN:
            continue
        found.append(Correlation(left, right, pearson, spearman, count))
    found.sort(key=lambda each: -max(abs(each.pearson), abs(each.spearman)))
    return tuple(found[:PAIRS_MAX])


def _ranks(column: pl.Series) -> Floats:
    finite = column.is_finite()
    ranked = pl.select(pl.when(finite).then(column).otherwise(None).rank("average")).to_series()
    return ranked.fill_null(np.nan).to_numpy()


def _pearson(left: Floats, right: Floats) -> float | None:
    """Return the correlation, None where a column does not vary or its squares are too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        one, other = left - left.mean(), right - right.mean()
        scale = float(np.sqrt((one @ one) * (other @ other)))
        if not np.isfinite(scale) or scale == 0:
            return None
        found = float(one @ other) / scale
    return max(-1.0, min(1.0, found)) if np.isfinite(found) else None
