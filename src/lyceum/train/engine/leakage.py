"""Columns that alone nearly decide the target: usually something known only afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lyceum.train.engine.clock import Limit
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.events import Metric
from lyceum.train.engine.members.member import Problem
from lyceum.train.engine.metrics import log_loss, r2, roc_auc, score

_ROWS_MAX, _ROWS_MIN = 8000, 1000
# of a wide table fewer rows are looked at: this many cells say enough
_CELLS_MAX = 2_000_000
_BINS = 64
_PRIOR_ROWS = 2.0
_SKILL_SUSPICIOUS = 0.75
_SKILL_CERTAIN = 0.95
_SECOND_BEST_SHARE_MAX = 0.6


@dataclass(frozen=True, slots=True)
class ColumnAlone:
    """What one column says by itself. `skill` is 0 for guessing and 1 for knowing; `score` is in the metric's unit."""

    column: str
    skill: float
    score: float


def columns_alone(
    x: Matrix, truth: npt.NDArray[Any], sources: Sequence[str], problem: Problem, metric: Metric, limit: Limit
) -> list[ColumnAlone]:
    """Every column by itself, best first; those that were not reached within the limit are absent.

    Two-fold cross-validated means of the target in up to 64 quantile bins (or by category code), shrunk to the mean of
    all rows. Skill is 2 AUC - 1 for two classes, 1 - log-loss / prior log-loss for more, R² for numbers.
    """
    rows_max = int(np.clip(_CELLS_MAX // max(len(sources), 1), _ROWS_MIN, _ROWS_MAX))
    rows = np.random.default_rng([problem.seed, 3]).permutation(len(truth))[:rows_max]
    half = len(rows) // 2
    truth_here = truth[rows]
    hot = np.eye(problem.classes)[truth_here] if problem.classes > 1 else truth_here[:, None].astype(np.float64)
    best: dict[str, ColumnAlone] = {}
    for feature, source in enumerate(sources):
        if limit.reached():
            break
        values = x[rows, feature]
        predicted = np.empty((len(rows), problem.classes))
        predicted[half:] = _binned_means(values[:half], hot[:half], values[half:])
        predicted[:half] = _binned_means(values[half:], hot[half:], values[:half])
        alone = ColumnAlone(source, _skill(problem, truth_here, predicted), score(metric, truth_here, predicted))
        if source not in best or alone.skill > best[source].skill:
            best[source] = alone
    return sorted(best.values(), key=lambda entry: -entry.skill)


def suspicious(alone: Sequence[ColumnAlone]) -> list[ColumnAlone]:
    """The columns to warn about: near perfect alone and far ahead of every unsuspected column."""
    likely = [entry for entry in alone if entry.skill >= _SKILL_SUSPICIOUS]
    rest = max((entry.skill for entry in alone if entry.skill < _SKILL_SUSPICIOUS), default=0.0)
    return [e for e in likely if e.skill >= _SKILL_CERTAIN or rest <= _SECOND_BEST_SHARE_MAX * e.skill]


def _binned_means(known: Matrix, hot: npt.NDArray[np.float64], asked: Matrix) -> npt.NDArray[np.float64]:
    prior = hot.mean(axis=0)
    seen = known[~np.isnan(known)]
    edges = np.unique(np.quantile(seen, np.linspace(0, 1, _BINS + 1)[1:-1])) if seen.size else seen
    bins = len(edges) + 2
    place = np.where(np.isnan(known), bins - 1, np.searchsorted(edges, known, side="left"))
    sums = np.stack([np.bincount(place, weights=column, minlength=bins) for column in hot.T], axis=1)
    counts = np.bincount(place, minlength=bins)[:, None]
    means = (sums + _PRIOR_ROWS * prior) / (counts + _PRIOR_ROWS)
    found: npt.NDArray[np.float64] = means[
        np.where(np.isnan(asked), bins - 1, np.searchsorted(edges, asked, side="left"))
    ]
    return found


def _skill(problem: Problem, truth: npt.NDArray[Any], predicted: npt.NDArray[np.float64]) -> float:
    match problem.task:
        case "binary":
            return 2.0 * roc_auc(truth, predicted) - 1.0
        case "multiclass":
            prior = np.bincount(truth, minlength=problem.classes) / len(truth)
            guessing = log_loss(truth, np.broadcast_to(prior, predicted.shape))
            return 1.0 - log_loss(truth, predicted) / guessing
        case "regression":
            return r2(truth, predicted)
