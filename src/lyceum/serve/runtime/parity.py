"""Same answers as in training: two sets of predictions compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions for n rows: `labels` [n] and `probabilities` [n, classes], or `values` [n] for regression."""

    labels: npt.NDArray[Any] | None = None
    probabilities: npt.NDArray[np.floating[Any]] | None = None
    values: npt.NDArray[np.floating[Any]] | None = None

    @property
    def rows(self) -> int:
        """How many rows were answered."""
        column = self.values if self.labels is None else self.labels
        return 0 if column is None else len(column)


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two sets of answers are apart; `max_abs_difference` is in probability, or in units of the target."""

    rows: int
    labels_equal: bool
    max_abs_difference: float
    within_tolerance: bool
    tolerance: float


def compare(expected: Answers, served: Answers, *, tolerance: float) -> Parity:
    """Compare labels and probabilities, or values.

    A label may differ only where the two highest probabilities lie within `tolerance` of each other, as a tie is
    decided by the last bit. NaN never counts as equal. Raises ValueError when the row counts differ.
    """
    if expected.rows != served.rows:
        raise ValueError(f"{expected.rows} answers cannot be compared with {served.rows}")
    difference = _max_difference(_scores(expected), _scores(served))
    labels_equal = _labels_equal(expected, served, tolerance)
    return Parity(
        rows=expected.rows,
        labels_equal=labels_equal,
        max_abs_difference=difference,
        within_tolerance=labels_equal and difference <= tolerance,
        tolerance=tolerance,
    )


def _scores(answers: Answers) -> npt.NDArray[np.floating[Any]]:
    scores = answers.probabilities if answers.values is None else answers.values
    return np.empty(0) if scores is None else scores


def _max_difference(a: npt.NDArray[np.floating[Any]], b: npt.NDArray[np.floating[Any]]) -> float:
    if a.size == 0:
        return 0.0
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float("inf") if np.isnan(difference).any() else float(difference.max())


def _labels_equal(expected: Answers, served: Answers, tolerance: float) -> bool:
    if expected.labels is None or served.labels is None:
        return expected.labels is served.labels
    different = expected.labels != served.labels
    if not different.any():
        return True
    if expected.probabilities is None or expected.probabilities.shape[1] < 2:
        return False
    top_two = np.sort(expected.probabilities[different], axis=1)[:, -2:]
    return bool((top_two[:, 1] - top_two[:, 0] <= tolerance).all())
