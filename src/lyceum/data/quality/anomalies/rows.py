"""Odd rows of a table, with the columns that made each one odd: Isolation Forest and robust z together."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lyceum.data.quality.anomalies.panel import Numbers, median

SAMPLE_ROWS = 20_000
"""Rows that what is usual is learnt from, drawn with the seed."""
ROWS_MIN = 10
CHUNK_ROWS = 50_000
READ_CELLS = 10_000_000
"""Read at once: to cut a small part out of a file takes about as long as to read a large one."""
TREES = 100
TREE_ROWS = 256
CONTRIBUTIONS_MAX = 5
_SURPRISE_MAX = 20.0
_SPREAD = 0.05
_FEW_VALUES = 1
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, slots=True)
class Contribution:
    """A column's part in what makes a row odd."""

    column: str
    share: float
    """Of the row's oddness, 0 to 1; the shares of a row add up to 1 over all columns."""
    value: str | float | None
    usual: str
    """What is usual there, for a person: a range of numbers, or how rare a value is."""


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row that is odd among the others."""

    row: int
    """Its place in the table, from 0."""
    score: float
    """0 to 1, the larger the odder: the mean of two ranks, of the forest and of the robust distance."""
    contributions: tuple[Contribution, ...]
    """The columns that made it odd, the one that did most first."""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    is_number: bool
    centre: float
    scale: float
    low: float
    high: float
    shares: dict[str, float]
    missing: float

    def oddness(self, values: pl.Series) -> Numbers:
        """Return for each row how far out its value is, in bits or robust deviations on one scale from 0 to 20."""
        gone = min(_SURPRISE_MAX, -float(np.log2(max(self.missing, 1e-6))))
        if not self.is_number:
            rare = -np.log2(1 / (2 * SAMPLE_ROWS))
            seen = values.replace_strict(self.shares, default=None, return_dtype=pl.Float64).to_numpy()
            bits = np.where(np.isnan(seen), rare, -np.log2(np.where(np.isnan(seen), 1.0, seen)))
            return np.where(values.is_null().to_numpy(), gone, np.minimum(bits, _SURPRISE_MAX))
        numbers = _numbers(values)
        away = np.abs(numbers - self.centre) / self.scale
        return np.where(np.isfinite(away), np.minimum(away, _SURPRISE_MAX), gone)

    def signed(self, values: pl.Series) -> Numbers:
        """Return what the forest sees: robust deviations, or how rare a category or a missing value is."""
        if not self.is_number:
            return self.oddness(values)
        away = np.clip((_numbers(values) - self.centre) / self.scale, -_SURPRISE_MAX, _SURPRISE_MAX)
        return np.where(np.isnan(away), self.oddness(values), away)

    def usual(self, value: object) -> str:
        """Return what is usual here, in words."""
        if self.is_number:
            return f"mostly {self.low:.4g} to {self.high:.4g}"
        if value is None:
            return f"missing in {self.missing:.2%} of the rows"
        return f"{self.shares.get(str(value), 0.0):.2%} of the rows have it"


@dataclass(frozen=True, slots=True)
class RowForest:
    """An Isolation Forest (Liu, Ting, Zhou 2008) over some columns of a table, with what is usual in each.

    Trees of small samples hardly tell what lies far beyond their rows from the outermost of these, so that no score is a limit
    to go by. Points spread evenly over all that may be are therefore among the rows, one for twenty: the trees part what is
    usual from where nothing is, and a row out there is as isolated as the points around it.
    """

    _learnt: tuple[_Column, ...]
    _forest: Any

    @classmethod
    def learnt(cls, table: pl.LazyFrame, columns: tuple[str, ...], *, seed: int = 0) -> "RowForest | None":
        """Return the forest of at most 20,000 rows drawn with `seed`; None of fewer than ten, or where no column has values to
        learn from.
        """
        rows = table.select(columns)
        height = int(rows.select(pl.len()).collect(engine="streaming").item())
        if height < ROWS_MIN:
            return None
        sample = _sampled(rows, height, seed)
        found = tuple(column for name in columns if (column := _learnt(sample.get_column(name))) is not None)
        if not found:
            return None
        spread = np.random.default_rng(seed).uniform(
            [-_SURPRISE_MAX if column.is_number else 0.0 for column in found],
            _SURPRISE_MAX,
            (math.ceil(_SPREAD * sample.height), len(found)),
        )
        return cls(found, _forest(np.vstack([_signed(sample, found), spread.astype(np.float32)]), seed))

    def scores(self, rows: pl.DataFrame) -> Numbers:
        """Return for each row how isolated it is: 0.5 is usual, 1 as isolated as can be."""
        found = np.empty(rows.height)
        for start in range(0, rows.height, CHUNK_ROWS):
            part = rows.slice(start, CHUNK_ROWS)
            found[start : start + part.height] = -self._forest.score_samples(_signed(part, self._learnt))
        return found


def _signed(part: pl.DataFrame, learnt: Sequence[_Column]) -> NDArray[np.float32]:
    columns = [column.signed(_plain(part.get_column(column.name))) for column in learnt]
    return np.column_stack(columns).astype(np.float32)


def odd_rows(
    table: pl.DataFrame | pl.LazyFrame,
    *,
    rows_max: int = 20,
    columns: tuple[str, ...] | None = None,
    seed: int = 0,
    stop_if_asked: Callable[[], None] = lambda: None,
) -> tuple[OddRow, ...]:
    """Return the oddest rows of a table, the oddest first; with fewer than ten rows, none.

    What is usual is learnt from at most 20,000 rows drawn with `seed`, and rows are read and scored part by part, so memory
    grows by two numbers a row; between the parts `stop_if_asked` is called. Numbers count by robust z (distance from the median in 1.4826 MAD, floored), texts and
    booleans by the bits of surprise of their value, missing values by how rare they are. A row's score is the mean of two
    ranks: of an Isolation Forest (Liu, Ting, Zhou 2008) over all columns, and of the root of the sum of its squared
    oddness beyond what is usual. A column's share is its part in both: of that sum, and of what the forest's score falls
    by when the column's value is made usual. Columns with lists, times or other types, and texts of which nearly every
    row has its own, are left out.
    """
    rows = table.lazy()
    height = int(rows.select(pl.len()).collect(engine="streaming").item())
    if height < ROWS_MIN:
        return ()
    names = columns or tuple(rows.collect_schema().names())
    rows = rows.select(names)
    sample = _sampled(rows, height, seed)
    chosen = [_learnt(sample.get_column(name)) for name in names]
    learnt = [column for column in chosen if column is not None]
    if not learnt:
        return ()
    forest = _forest(_signed(sample, learnt), seed)
    isolation, distance = np.empty(height), np.empty(height)
    limits = [_edge(c.oddness(_plain(sample.get_column(c.name)))) for c in learnt]
    rows = rows.select(column.name for column in learnt)
    for start, part in _parts(rows, height, len(learnt)):
        stop_if_asked()
        isolation[start : start + part.height] = -forest.score_samples(_signed(part, learnt))
        distance[start : start + part.height] = np.sqrt((_beyond(part, learnt, limits) ** 2).sum(axis=1))
    scores = (_ranks(isolation) + _ranks(distance)) / 2
    found = np.argsort(-scores, kind="stable")[:rows_max]
    odd = _at(rows, [int(row) for row in found])
    return tuple(_told(odd[int(row)], int(row), float(scores[row]), learnt, limits, forest) for row in found)


def _sampled(rows: pl.LazyFrame, height: int, seed: int) -> pl.DataFrame:
    if height <= SAMPLE_ROWS:
        return rows.collect(engine="streaming")
    drawn = np.random.default_rng(seed).choice(height, SAMPLE_ROWS, replace=False)
    return _numbered(rows, drawn.tolist())[1]


def _at(rows: pl.LazyFrame, places: list[int]) -> dict[int, pl.DataFrame]:
    """Return the rows at some places, each as a frame of one."""
    at, found = _numbered(rows, places)
    return {number: found.slice(order, 1) for order, number in enumerate(at)}


def _numbered(rows: pl.LazyFrame, places: list[int]) -> tuple[list[int], pl.DataFrame]:
    place = "place"
    while place in rows.collect_schema().names():
        place += "_"
    numbered = rows.with_row_index(place).filter(pl.col(place).is_in(places)).collect(engine="streaming")
    return numbered.get_column(place).to_list(), numbered.drop(place)


def _parts(rows: pl.LazyFrame, height: int, columns: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the table in order, so many rows at a time, each part with the place of its first row."""
    read_rows = max(CHUNK_ROWS, READ_CELLS // columns)
    for start in range(0, height, read_rows):
        read = rows.slice(start, read_rows).collect(engine="streaming")
        for within in range(0, read.height, CHUNK_ROWS):
            yield start + within, read.slice(within, CHUNK_ROWS)


def _learnt(column: pl.Series) -> _Column | None:
    values = _plain(column)
    missing = column.null_count() / len(column)
    if column.dtype.is_numeric():
        numbers = _numbers(values)
        present = numbers[np.isfinite(numbers)]
        if not len(present):
            return None
        centre = float(median(present[:, None])[0])
        away = np.abs(present - centre)
        scale = _MAD_TO_DEVIATION * float(np.median(away)) or 1.2533 * float(away.mean())
        scale = max(scale, 1e-3 * float(present.std()))
        if scale == 0:
            scale = max(abs(centre) * 1e-9, 1e-12)
        low, high = np.quantile(present, [0.01, 0.99])
        return _Column(column.name, True, centre, scale, float(low), float(high), {}, missing)
    if values.dtype != pl.String or values.n_unique() > max(20, len(values) // 2):
        return None
    counts = values.drop_nulls().value_counts()
    shares = {str(value): count / len(values) for value, count in counts.iter_rows()}
    return _Column(column.name, False, 0.0, 1.0, 0.0, 0.0, shares, missing) if shares else None


def _plain(column: pl.Series) -> pl.Series:
    if column.dtype.is_numeric():
        return column.cast(pl.Float64)
    if column.dtype in {pl.String, pl.Boolean} or isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    return column


def _numbers(values: pl.Series) -> Numbers:
    return values.fill_null(float("nan")).to_numpy().astype(np.float64)


def _edge(oddness: Numbers) -> float:
    return float(np.quantile(oddness, 0.99))


def _beyond(part: pl.DataFrame, learnt: list[_Column], limits: list[float]) -> Numbers:
    """Return how far beyond its own 99 % quantile each value is, and a tenth of what is within, so that no row ties."""
    found = []
    for column, limit in zip(learnt, limits, strict=True):
        oddness = column.oddness(_plain(part.get_column(column.name)))
        found.append(np.maximum(oddness - limit, 0.0) + 0.1 * np.minimum(oddness, limit))
    return np.column_stack(found)


def _forest(signed: NDArray[np.float32], seed: int) -> Any:
    from sklearn.ensemble import IsolationForest

    rows = min(TREE_ROWS, len(signed))
    return IsolationForest(n_estimators=TREES, max_samples=rows, random_state=seed, n_jobs=1).fit(signed)


def _ranks(scores: Numbers) -> Numbers:
    """Return the share of scores that each is at least as large as, ties alike."""
    ordered = np.sort(scores)
    return np.searchsorted(ordered, scores, side="right") / len(scores)


def _told(
    part: pl.DataFrame, row: int, score: float, learnt: list[_Column], limits: list[float], forest: Any
) -> OddRow:
    squares = _beyond(part, learnt, limits)[0] ** 2
    signed = np.column_stack([column.signed(_plain(part.get_column(column.name))) for column in learnt])
    made_usual = np.repeat(signed, len(learnt), axis=0)
    np.fill_diagonal(made_usual, 0.0)
    at_once = forest.score_samples(np.vstack([signed, made_usual]).astype(np.float32))
    falls = np.maximum(at_once[1:] - at_once[0], 0.0)
    shares = (_as_shares(squares) + _as_shares(falls)) / 2
    shares = _as_shares(shares)
    contributions = []
    for place in np.argsort(-shares, kind="stable")[:CONTRIBUTIONS_MAX]:
        if shares[place] <= 0:
            break
        column = learnt[place]
        value = _plain(part.get_column(column.name))[0]
        contributions.append(Contribution(column.name, float(shares[place]), value, column.usual(value)))
    return OddRow(row, score, tuple(contributions))


def _as_shares(parts: Numbers) -> Numbers:
    total = parts.sum()
    return parts / total if total > 0 else np.zeros(len(parts))
