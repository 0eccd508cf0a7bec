"""ExtraTrees with bounded leaves, so that the exported forest stays small."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.members.member import (
    BRANCH_LEQ,
    Anatomy,
    Data,
    Effort,
    Problem,
    Scores,
    Tree,
    TreeSum,
    class_scores,
    float32_at_most,
)

_TREES = 100
_STEP_SECONDS = 0.2
_TREES_A_STEP_MAX = 10
_LEAVES_MAX = 600
# more rows hardly move splits of so few leaves
_ROWS_MAX = 100_000
# of a class with no more rows than this, thinning keeps all
_RARE_ROWS_MAX = 50


@dataclass(frozen=True, slots=True)
class ExtraTreesMember:
    """An ExtraTrees configuration; `parameters` are scikit-learn's own."""

    parameters: Mapping[str, Any]
    family: str = "ExtraTrees"

    def fit(self, problem: Problem, data: Data, effort: Effort) -> "FittedForest":
        """Add a few trees at a time until there are enough or the limit is reached."""
        estimator = ExtraTreesRegressor if problem.task == "regression" else ExtraTreesClassifier
        fills = _medians(data.x)
        rows = _thinned(data.y, problem.classes)
        x, y = _filled(data.x[rows], fills), data.y[rows]
        forest = estimator(
            n_estimators=1,
            n_jobs=effort.threads,
            random_state=problem.seed,
            warm_start=True,
            **{"max_leaf_nodes": _LEAVES_MAX, **self.parameters},
        )
        wanted = effort.rounds or _TREES
        started = time.monotonic()
        forest.fit(x, y)
        trees_a_step = int(np.clip(_STEP_SECONDS / max(time.monotonic() - started, 1e-3), 1, _TREES_A_STEP_MAX))
        while forest.n_estimators < wanted and not effort.limit.reached():
            forest.set_params(n_estimators=min(wanted, forest.n_estimators + trees_a_step))
            forest.fit(x, y)
        return FittedForest(forest, fills, problem.classes, forest.n_estimators < wanted)


class FittedForest:
    """A fitted forest; missing numbers are read as the median of training."""

    def __init__(self, forest: Any, fills: Matrix, classes: int, truncated: bool) -> None:  # noqa: FBT001 - a result, not an option
        self.rounds: int = forest.n_estimators
        self.truncated = truncated
        forest.set_params(n_jobs=1)
        self._forest = forest
        self._fills = fills
        self._classes = classes

    def predict(self, x: Matrix, rounds: int | None = None) -> Scores:  # noqa: ARG002 - more trees never hurt it
        """Probabilities [n, classes], or standardised values [n, 1]."""
        filled = _filled(x, self._fills)
        if self._classes == 1:
            return class_scores(self._forest.predict(filled), 1)
        return _spread(self._forest.predict_proba(filled), self._forest.classes_, self._classes)

    def anatomy(self) -> Anatomy:
        """The trees, each leaf divided by their number; two classes need only the second one's probability."""
        known = self._forest.classes_ if self._classes > 1 else np.zeros(1, dtype=np.int64)
        trees = len(self._forest)
        parts = [_tree(e.tree_, self._fills, known, self._classes, trees) for e in self._forest.estimators_]
        return TreeSum(tuple(parts), np.zeros(1 if self._classes <= 2 else self._classes), "identity")


def _thinned(y: npt.NDArray[Any], classes: int) -> slice | npt.NDArray[np.bool_]:
    """Which rows to learn from: evenly thinned ones, and all of rare classes."""
    step = -(-len(y) // _ROWS_MAX)
    if step <= 1 or classes == 1:
        return slice(None, None, max(step, 1))
    kept: npt.NDArray[np.bool_] = np.bincount(y, minlength=classes)[y] <= _RARE_ROWS_MAX
    kept[::step] = True
    return kept


def _spread(scores: npt.NDArray[np.float64], known: npt.NDArray[Any], classes: int) -> Scores:
    """The columns of the classes that were seen at their places among all classes; the others are 0."""
    spread = np.zeros((len(scores), classes))
    spread[:, known.astype(np.int64)] = scores
    return spread


def _medians(x: Matrix) -> Matrix:
    some = ~np.isnan(x).all(axis=0)
    medians = np.zeros(x.shape[1], dtype=np.float32)
    medians[some] = np.nanmedian(x[:, some], axis=0)
    return medians


def _filled(x: Matrix, fills: Matrix) -> Matrix:
    return np.where(np.isnan(x), fills, x)


def _tree(tree: Any, fills: Matrix, known: npt.NDArray[Any], classes: int, trees: int) -> Tree:
    left, right = tree.children_left.astype(np.int64), tree.children_right.astype(np.int64)
    is_leaf = left < 0
    inner = ~is_leaf
    places = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(inner) - 1)
    features = tree.feature[inner].astype(np.int64)
    values = _spread(tree.value[is_leaf][:, 0, :] / trees, known, classes)
    return Tree(
        features=features,
        thresholds=float32_at_most(tree.threshold[inner]),
        modes=np.full(len(features), BRANCH_LEQ, dtype=np.uint8),
        true_children=places[left[inner]],
        false_children=places[right[inner]],
        missing_is_true=fills[features] <= tree.threshold[inner],
        leaves=values[:, 1:] if classes == 2 else values,
    )
