"""Scores of predictions. Predictions are [n, classes] probabilities, or [n, 1] values for regression."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lyceum.serve.runtime.public import Task
from lyceum.train.engine.events import Metric

Floats = npt.NDArray[np.floating[Any]]
Targets = npt.NDArray[Any]

_PROBABILITY_MIN = 1e-15


def roc_auc(y: Targets, p: Floats) -> float:
    """Area under the ROC curve by the rank-sum formula (Mann-Whitney U / (positives x negatives)), ties at half."""
    score = p[:, 1]
    order = np.argsort(score, kind="stable")
    _, first, count = np.unique(score[order], return_index=True, return_counts=True)
    ranks = np.empty(len(score))
    ranks[order] = np.repeat(first + (count + 1) / 2, count)
    positives = y == 1
    n_positive = int(positives.sum())
    n_negative = len(y) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    return float((ranks[positives].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def log_loss(y: Targets, p: Floats) -> float:
    """Mean negative log-likelihood of the true class, in nats; rows are normalised to sum 1."""
    sums = p.sum(axis=1)
    true_class = p[np.arange(len(y)), y] / np.where(sums > 0, sums, 1.0)
    return float(-np.log(np.clip(true_class, _PROBABILITY_MIN, 1.0)).mean())


def accuracy(y: Targets, p: Floats) -> float:
    """Share of rows whose most probable class is the true one."""
    return float((p.argmax(axis=1) == y).mean())


def rmse(y: Targets, p: Floats) -> float:
    """Root mean squared error, in units of the target."""
    return float(np.sqrt(np.mean((p[:, 0] - y) ** 2)))


def mae(y: Targets, p: Floats) -> float:
    """Mean absolute error, in units of the target."""
    return float(np.mean(np.abs(p[:, 0] - y)))


def r2(y: Targets, p: Floats) -> float:
    """Coefficient of determination; 0 when the target is constant."""
    spread = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - float(np.sum((p[:, 0] - y) ** 2)) / spread if spread else 0.0


_FUNCTIONS: dict[str, tuple[Callable[[Targets, Floats], float], bool, frozenset[Task]]] = {
    "roc_auc": (roc_auc, True, frozenset({"binary"})),
    "log_loss": (log_loss, False, frozenset({"binary", "multiclass"})),
    "accuracy": (accuracy, True, frozenset({"binary", "multiclass"})),
    "rmse": (rmse, False, frozenset({"regression"})),
    "mae": (mae, False, frozenset({"regression"})),
    "r2": (r2, True, frozenset({"regression"})),
}
_DEFAULTS: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def metric_for(task: Task, name: str | None = None) -> Metric:
    """The metric named, or the task's usual one; raises ValueError for a name that does not fit the task."""
    chosen = name or _DEFAULTS[task]
    fitting = sorted(known for known, (_, _, tasks) in _FUNCTIONS.items() if task in tasks)
    if chosen not in fitting:
        raise ValueError(f"metric {chosen!r} does not fit a {task} target; choose one of {', '.join(fitting)}")
    return Metric(chosen, _FUNCTIONS[chosen][1])


def score(metric: Metric, y: Targets, p: Floats) -> float:
    """The metric in its usual unit."""
    return _FUNCTIONS[metric.name][0](y, p)


def goodness(metric: Metric, y: Targets, p: Floats) -> float:
    """The metric turned so that more is better."""
    value = score(metric, y, p)
    return value if metric.greater_is_better else -value
