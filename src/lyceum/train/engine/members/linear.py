"""A linear model on scaled numbers and one-hot categories; logistic for classes, ridge for numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from lyceum.train.engine.clock import Limit
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.members.member import Anatomy, Data, Effort, LinearSum, Link, Problem, Scores

_STEPS_MAX = 200
_ONE_HOT_CODES_MAX = 200
_ONE_HOT_ROWS_MIN = 5
_ONE_HOT_COLUMNS_MAX = 600
_FIT_CELLS_MAX = 40_000_000
_SCALED_ABS_MAX = 8.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearMember:
    """`penalty` is the L2 strength on scaled inputs, in rows."""

    penalty: float = 1.0
    family: str = "Linear"

    def fit(self, problem: Problem, data: Data, effort: Effort) -> "FittedLinear":
        """L-BFGS for classes, the normal equations for numbers; very large tables are thinned evenly."""
        design = _design_for(data.x, problem.category_features)
        step = max(1, -(-data.x.shape[0] * design.columns // _FIT_CELLS_MAX))
        inputs = design.inputs(data.x[::step]).astype(np.float64)
        y = data.y[::step]
        if problem.task == "regression":
            weights, base = _ridge(inputs, y, self.penalty)
            return FittedLinear(design, weights, base, problem, truncated=False)
        weights, base, truncated = _logistic(inputs, y, problem.classes, self.penalty, effort.limit)
        return FittedLinear(design, weights, base, problem, truncated=truncated)


@dataclass(frozen=True, slots=True)
class _Design:
    means: Matrix
    scales: Matrix
    one_hot_features: npt.NDArray[np.int64]
    one_hot_codes: Matrix

    @property
    def columns(self) -> int:
        return len(self.means) + len(self.one_hot_features)

    def inputs(self, x: Matrix) -> Matrix:
        """Scaled, clipped numbers with 0 for missing, then indicators; float32 as in the exported graph."""
        scaled = np.clip((x[:, : len(self.means)] - self.means) * self.scales, -_SCALED_ABS_MAX, _SCALED_ABS_MAX)
        numbers = np.where(np.isnan(scaled), np.float32(0), scaled)
        indicators = (x[:, self.one_hot_features] == self.one_hot_codes).astype(np.float32)
        return np.hstack([numbers, indicators])


class FittedLinear:
    """A fitted linear model."""

    def __init__(self, design: _Design, weights: Floats, base: Floats, problem: Problem, *, truncated: bool) -> None:
        self.rounds = 1
        self.truncated = truncated
        self._design = design
        self._weights = weights
        self._base = base
        self._link: Link = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}[problem.task]  # type: ignore[assignment]  # a literal of three

    def predict(self, x: Matrix, rounds: int | None = None) -> Scores:  # noqa: ARG002 - it has no rounds
        """Probabilities [n, classes], or standardised values [n, 1]."""
        raw = self._design.inputs(x).astype(np.float64) @ self._weights + self._base
        if self._link == "identity":
            return raw
        logits = np.column_stack([np.zeros(len(raw)), raw]) if self._link == "sigmoid" else raw
        probabilities: Scores = softmax(logits, axis=1)
        return probabilities

    def anatomy(self) -> Anatomy:
        """Weights split into numbers and indicators."""
        numbers = len(self._design.means)
        weights = self._weights.astype(np.float32)
        return LinearSum(
            means=self._design.means,
            scales=self._design.scales,
            number_weights=weights[:numbers],
            one_hot_features=self._design.one_hot_features,
            one_hot_codes=self._design.one_hot_codes,
            one_hot_weights=weights[numbers:],
            base=self._base.astype(np.float32),
            link=self._link,
            clip=_SCALED_ABS_MAX,
        )


def _design_for(x: Matrix, category_features: dict[int, int]) -> _Design:
    """Leading numbers and indicators; the frequencies behind the codes only serve the trees."""
    values = x[:, : min(category_features, default=x.shape[1])].astype(np.float64)
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    deviations = np.sqrt((np.where(known, values - means, 0.0) ** 2).sum(axis=0) / counts)
    features, codes = _indicators(x, category_features)
    return _Design(
        means=means.astype(np.float32),
        scales=(1.0 / np.where(deviations > 0, deviations, 1.0)).astype(np.float32),
        one_hot_features=features,
        one_hot_codes=codes,
    )


def _indicators(x: Matrix, category_features: dict[int, int]) -> tuple[npt.NDArray[np.int64], Matrix]:
    found: list[tuple[int, int, int]] = []
    for position, codes in category_features.items():
        if codes > _ONE_HOT_CODES_MAX:
            continue
        counts = np.bincount(x[:, position].astype(np.int64), minlength=codes)
        found += [(int(rows), position, code) for code, rows in enumerate(counts) if rows >= _ONE_HOT_ROWS_MIN]
    kept = sorted(sorted(found, reverse=True)[:_ONE_HOT_COLUMNS_MAX], key=lambda entry: entry[1:])
    features = np.array([position for _, position, _ in kept], dtype=np.int64)
    return features, np.array([code for _, _, code in kept], dtype=np.float32)


def _ridge(inputs: Floats, y: npt.NDArray[Any], penalty: float) -> tuple[Floats, Floats]:
    means = inputs.mean(axis=0)
    centered = inputs - means
    gram = centered.T @ centered + penalty * np.eye(inputs.shape[1])
    weights = np.linalg.solve(gram, centered.T @ (y - y.mean()))
    return weights[:, None], np.array([y.mean() - means @ weights])


def _logistic(
    inputs: Floats, y: npt.NDArray[Any], classes: int, penalty: float, limit: Limit
) -> tuple[Floats, Floats, bool]:
    """Multinomial logistic regression with an L2 penalty, minimised by L-BFGS; two classes keep one weight column."""
    outputs = 1 if classes == 2 else classes
    columns = inputs.shape[1]
    truth = np.eye(classes)[y]
    rows = len(inputs)

    def loss(flat: Floats) -> tuple[float, Floats]:
        table = flat.reshape(columns + 1, outputs)
        logits = inputs @ table[:-1] + table[-1]
        if outputs == 1:
            logits = np.hstack([np.zeros((rows, 1)), logits])
        logs = log_softmax(logits, axis=1)
        error = (np.exp(logs) - truth)[:, -outputs:]
        value = -(logs * truth).sum() + 0.5 * penalty * (table[:-1] ** 2).sum()
        slope = np.vstack([inputs.T @ error + penalty * table[:-1], error.sum(axis=0)])
        return float(value) / rows, slope.ravel() / rows

    truncated = False

    def stop_at_limit(_flat: Any) -> None:
        nonlocal truncated
        truncated = limit.reached()
        if truncated:
            raise StopIteration

    start = np.zeros((columns + 1) * outputs)
    minimize_freely: Any = minimize  # the stubs know no function that returns its own slope
    found = minimize_freely(
        loss, start, jac=True, method="L-BFGS-B", callback=stop_at_limit, options={"maxiter": _STEPS_MAX}
    )
    table = found.x.reshape(columns + 1, outputs)
    return table[:-1], table[-1], truncated
