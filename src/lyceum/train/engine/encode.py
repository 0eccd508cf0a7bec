"""From typed columns to the float32 matrix that every member learns from.

The same tables are written into the exported graph, so that training and serving see the same numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from lyceum.serve.runtime.public import PreStep, TypedFrame

UNSEEN_CODE = 0
MISSING_CODE = 1
_FIRST_CODE = 2
_CATEGORIES_KEPT_MAX = 1000
_FEW_CATEGORIES = 20
NUMBER_ABS_MAX = 3e38
# float32 keeps 24 bits: beyond this ratio of magnitude to spread, neighbouring values would fall together
_MAGNITUDE_TO_SPREAD_MAX = 64.0

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CategoryCodes:
    """One category column: `texts` in code order from code 2 on (0 is unseen or rare, 1 is missing).

    `frequencies` are the shares of rows by code, used as a second feature when there are many categories.
    """

    source: str
    texts: tuple[str, ...]
    frequencies: npt.NDArray[np.float32]
    with_frequency: bool

    @property
    def codes(self) -> int:
        """How many codes there are, the two special ones included."""
        return len(self.texts) + _FIRST_CODE


@dataclass(frozen=True, slots=True)
class Encoder:
    """Features in order: numbers minus their `centers`, category codes, then frequencies of the wide categories."""

    prestep: PreStep
    centers: npt.NDArray[np.float64]
    categories: tuple[CategoryCodes, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """For each feature, the column of the table it comes from."""
        return (
            *self.prestep.number_sources,
            *(c.source for c in self.categories),
            *(c.source for c in self.categories if c.with_frequency),
        )

    @property
    def category_features(self) -> dict[int, int]:
        """Position of each feature that holds category codes, with the number of its codes."""
        start = len(self.centers)
        return {start + i: c.codes for i, c in enumerate(self.categories)}

    def matrix(self, typed: TypedFrame) -> Matrix:
        """The features of a typed frame, float32 [n, features]; missing numbers are NaN, codes never are."""
        numbers = np.clip(typed.numbers - self.centers, -NUMBER_ABS_MAX, NUMBER_ABS_MAX).astype(np.float32)
        codes = [
            _codes_of(series, c, typed.missing_text)
            for series, c in zip(typed.categories, self.categories, strict=True)
        ]
        frequencies = [
            c.frequencies[column] for column, c in zip(codes, self.categories, strict=True) if c.with_frequency
        ]
        columns = [
            numbers,
            *(column.astype(np.float32)[:, None] for column in codes),
            *(f[:, None] for f in frequencies),
        ]
        return np.ascontiguousarray(np.hstack(columns), dtype=np.float32)


def fit_encoder(typed: TypedFrame, prestep: PreStep) -> Encoder:
    """Learn centres and category codes from the training rows."""
    categories = tuple(
        _fit_codes(series, column.name)
        for series, column in zip(typed.categories, prestep.category_columns, strict=True)
    )
    return Encoder(prestep, _centers(typed.numbers), categories)


def _centers(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The median of columns whose values are far from zero for their spread (times in seconds, for one), else 0."""
    centers = np.zeros(numbers.shape[1])
    for position in range(numbers.shape[1]):
        column = numbers[:, position]
        known = column[np.isfinite(column)]
        if not known.size:
            continue
        spread = float(np.ptp(known)) or 1.0
        if float(np.abs(known).max()) > _MAGNITUDE_TO_SPREAD_MAX * spread:
            centers[position] = float(np.median(known))
    return centers


def _fit_codes(series: pl.Series, source: str) -> CategoryCodes:
    counts = (
        series.drop_nulls().value_counts(sort=False, name="rows").sort("rows", series.name, descending=[True, False])
    )
    if counts.height > _FEW_CATEGORIES:
        counts = counts.filter(pl.col("rows") > 1).head(_CATEGORIES_KEPT_MAX)
    texts = tuple(counts.get_column(series.name).to_list())
    rows = max(len(series), 1)
    frequencies = np.zeros(len(texts) + _FIRST_CODE, dtype=np.float32)
    frequencies[MISSING_CODE] = series.null_count() / rows
    frequencies[_FIRST_CODE:] = counts.get_column("rows").to_numpy() / rows
    return CategoryCodes(source, texts, frequencies, with_frequency=len(texts) > _FEW_CATEGORIES)


def _codes_of(series: pl.Series, categories: CategoryCodes, missing_text: str) -> npt.NDArray[np.int64]:
    codes = {text: code for code, text in enumerate(categories.texts, start=_FIRST_CODE)}
    codes[missing_text] = MISSING_CODE
    coded = series.fill_null(missing_text).replace_strict(
        list(codes), list(codes.values()), default=UNSEEN_CODE, return_dtype=pl.Int64
    )
    values: npt.NDArray[Any] = coded.to_numpy()
    return values.astype(np.int64, copy=False)
