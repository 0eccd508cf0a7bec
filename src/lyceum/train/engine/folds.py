"""How rows are divided for out-of-fold predictions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_HOLDOUT_ABOVE_ROWS = 40_000
_THREE_FOLDS_ABOVE_ROWS = 20_000
_HOLDOUT_ROWS_MAX = 20_000
# of a class with no more rows than this, thinning keeps all
_RARE_ROWS_MAX = 50

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """Positions of rows to learn from and to predict."""

    train: Rows
    valid: Rows


def make_folds(y: npt.NDArray[Any], *, stratify: bool, seed: int) -> tuple[Fold, ...]:
    """Five folds, three above 20,000 rows, a single holdout above 40,000; classes are spread evenly.

    Every class with two rows or more is in the training part of every fold.
    """
    part_of = _parts(y, np.random.default_rng([seed, 1]), stratify=stratify)
    rows = len(y)
    if rows > _HOLDOUT_ABOVE_ROWS:
        valid = part_of < min(0.2, _HOLDOUT_ROWS_MAX / rows)
        return (Fold(np.flatnonzero(~valid), np.flatnonzero(valid)),)
    count = 3 if rows > _THREE_FOLDS_ABOVE_ROWS else 5
    number = np.minimum((part_of * count).astype(np.int64), count - 1)
    return tuple(Fold(np.flatnonzero(number != i), np.flatnonzero(number == i)) for i in range(count))


def thinned_rows(y: npt.NDArray[Any], rows_max: int, *, stratify: bool, seed: int) -> Rows:
    """About that many rows in order, drawn evenly from every class; of rare classes all, of the others 50 at least."""
    share: float | npt.NDArray[np.float64] = rows_max / len(y)
    if stratify:
        share = np.maximum(share, _RARE_ROWS_MAX / np.bincount(y)[y])
    return np.flatnonzero(_parts(y, np.random.default_rng([seed, 2]), stratify=stratify) < share)


def _parts(y: npt.NDArray[Any], rng: np.random.Generator, *, stratify: bool) -> npt.NDArray[np.float64]:
    """For each row a place in [0, 1): rows of a class (or of like size, for numbers) are spread over it evenly."""
    shuffled = rng.permutation(len(y))
    places = np.empty(len(y))
    if not stratify:
        places[shuffled] = np.arange(len(y)) / len(y)
        return places
    for label in np.unique(y):
        members = shuffled[y[shuffled] == label]
        offset = rng.random()
        places[members] = (np.arange(len(members)) / len(members) + offset) % 1.0
    return places
