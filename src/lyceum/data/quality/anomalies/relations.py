"""How the numbers of a table go together: each from the others in its row and from the rows stored beside it."""

from typing import Self

import msgspec
import numpy as np

from lyceum.data.quality.anomalies.tallies import Numbers

KEPT_A_BATCH = 0.98
"""What a batch's weight is worth one batch later: half of it is gone after 34."""
_CLIPPED_AT = 6.0
_RIDGE = 1e-3
_FAR_QUANTILE = 0.98


class Relations(msgspec.Struct, frozen=True):
    """Sums of products of standardised numbers, with what residuals usually are."""

    columns: tuple[str, ...]
    centres: tuple[float, ...]
    spreads: tuple[float, ...]
    products: tuple[tuple[float, ...], ...]
    usual: tuple[float, ...] = ()
    """Of each column, the usual 98 % quantile of the size of its residuals."""

    @classmethod
    def begun(cls, columns: tuple[str, ...], table: Numbers) -> Self:
        """Return empty sums that standardise as the first batch `table` (rows by columns, NaN missing) asks for."""
        centres, spreads = [], []
        for values in table.T:
            present = values[np.isfinite(values)]
            low, high = np.quantile(present, [0.02, 0.98]) if len(present) else (0.0, 0.0)
            inside = np.clip(present, low, high)
            centres.append(float(inside.mean()) if len(present) else 0.0)
            spreads.append(float(inside.std()) or 1.0 if len(present) else 1.0)
        size = 2 * len(columns) + 1
        return cls(columns, tuple(centres), tuple(spreads), ((0.0,) * size,) * size)

    def with_rows(self, table: Numbers) -> Self:
        """Return the sums with a batch added and older ones decayed."""
        standard = self._standard(table)
        design = _design(standard)
        old = np.asarray(self.products)
        products = KEPT_A_BATCH * old + design.T @ design / len(design)
        usual = self.usual
        residuals = self.residuals(table)
        if residuals is not None:
            sizes = _quantiles(np.abs(residuals), _FAR_QUANTILE)
            before = np.asarray(usual) if usual else sizes
            sizes = np.where(np.isfinite(sizes), sizes, before)
            before = np.where(np.isfinite(before), before, sizes)
            usual = tuple(map(float, 0.9 * before + 0.1 * sizes))
        return type(self)(self.columns, self.centres, self.spreads, tuple(map(tuple, products.tolist())), usual)

    def residuals(self, table: Numbers) -> Numbers | None:
        """Return each number less what the others say it is, in the column's spreads; None before the first batch.

        Ridge regression of every column on all others, and on the medians of the four rows around it, from one
        inverse: the coefficients of column j are -P[j, i] / P[j, j] with P the inverse of the regularised products
        (Hastie, Tibshirani, Friedman 2009, 17.3).
        """
        products = np.asarray(self.products)
        if products[0, 0] == 0:
            return None
        size = len(products)
        inverse = np.linalg.inv(products / products[0, 0] + _RIDGE * np.diag([0.0] + [1.0] * (size - 1)))
        standard = self._standard(table)
        design = _design(standard)
        coefficients = -inverse / np.diag(inverse)
        np.fill_diagonal(coefficients, 0.0)
        said = (design @ coefficients)[:, 1 : len(self.columns) + 1]
        return np.asarray(standard - said, dtype=np.float64)

    def _standard(self, table: Numbers) -> Numbers:
        return np.asarray((table - np.asarray(self.centres)) / np.asarray(self.spreads), dtype=np.float64)


def _design(standard: Numbers) -> Numbers:
    known = np.nan_to_num(np.clip(standard, -_CLIPPED_AT, _CLIPPED_AT), nan=0.0)
    return np.column_stack([np.ones(len(known)), known, _around(known)])


def _around(known: Numbers) -> Numbers:
    """Return the median of the two rows before and the two after; rows mostly lie in the order they came about."""
    if len(known) < 5:
        return np.zeros_like(known)
    inner = np.sort(np.stack([known[:-4], known[1:-3], known[3:-1], known[4:]]), axis=0)[1:3].mean(axis=0)
    return np.concatenate([inner[:1], inner[:1], inner, inner[-1:], inner[-1:]])


def _quantiles(values: Numbers, share: float) -> Numbers:
    return np.array(
        [
            np.quantile(column[np.isfinite(column)], share) if np.isfinite(column).any() else np.nan
            for column in values.T
        ]
    )
