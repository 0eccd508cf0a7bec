"""CatBoost on category codes as numbers: its own category handling has no ONNX form."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import catboost
import numpy as np

from lyceum.train.engine.clock import Limit
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.members.member import (
    BRANCH_GT,
    Anatomy,
    Data,
    Effort,
    Link,
    Problem,
    Scores,
    Tree,
    TreeSum,
    class_scores,
)

_ROUNDS_MAX = 1000
_PATIENCE_ROUNDS = 60
_LOSSES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}
_LINKS: dict[str, Link] = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}


@dataclass(frozen=True, slots=True)
class CatBoostMember:
    """A CatBoost configuration; `parameters` are CatBoost's own."""

    parameters: Mapping[str, Any]
    family: str = "CatBoost"

    def fit(self, problem: Problem, data: Data, effort: Effort) -> "FittedCatBoost":
        """Boost until the validation rows stop improving, the rounds are done or the limit is reached."""
        parameters: dict[str, Any] = {
            "loss_function": _LOSSES[problem.task],
            "iterations": min(effort.rounds or _ROUNDS_MAX, _ROUNDS_MAX),
            "thread_count": effort.threads_in_all,
            "random_seed": problem.seed,
            "logging_level": "Silent",
            "allow_writing_files": False,
            "use_best_model": False,
            **self.parameters,
        }
        model = catboost.CatBoost(parameters)
        with _turns.taken():
            stopper = _StopAtLimit(effort.limit)
            if data.valid_x is None:
                model.fit(data.x, data.y, callbacks=[stopper])
            else:
                valid = (data.valid_x, data.valid_y)
                model.fit(data.x, data.y, eval_set=valid, early_stopping_rounds=_PATIENCE_ROUNDS, callbacks=[stopper])
        return FittedCatBoost(model, problem, stopper.truncated)


class _Turns:
    """One fit at a time, each with all threads, on which its results do not depend.

    CatBoost keeps its loggers and what it asks about interrupts for the whole process: a fit that ends takes them from
    under another, which then calls what is no longer there.
    """

    def __init__(self) -> None:
        self._fitting = threading.Lock()
        self._counting = threading.Lock()
        self.waiting = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        with self._counting:
            self.waiting += 1
        with self._fitting:
            with self._counting:
                self.waiting -= 1
            yield


_turns = _Turns()


class _StopAtLimit:
    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._began = time.monotonic()
        self.truncated = False

    def after_iteration(self, info: Any) -> bool:  # noqa: ARG002 - CatBoost's signature
        """False stops the boosting: at the limit, and at a share of it where others wait, whose time it is as well."""
        share = (self._limit.deadline - self._began) / (1 + _turns.waiting)
        self.truncated = self._limit.reached() or time.monotonic() - self._began > share
        return not self.truncated


class FittedCatBoost:
    """A fitted model."""

    def __init__(self, model: catboost.CatBoost, problem: Problem, truncated: bool) -> None:  # noqa: FBT001 - a result, not an option
        best = model.get_best_iteration()
        self.rounds: int = model.tree_count_ if best is None else best + 1
        self.truncated = truncated
        self._model = model
        self._task = problem.task
        self._classes = problem.classes

    def predict(self, x: Matrix, rounds: int | None = None) -> Scores:
        """Probabilities [n, classes], or standardised values [n, 1]."""
        kind = "RawFormulaVal" if self._task == "regression" else "Probability"
        used = min(rounds or self.rounds, self._model.tree_count_)
        scores = self._model.predict(x, prediction_type=kind, ntree_end=used, thread_count=1)
        return class_scores(scores, self._classes)

    def anatomy(self) -> Anatomy:
        """The oblivious trees spelled out node by node."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            self._model.save_model(str(path), format="json")
            document = json.loads(path.read_text())
        width = self._classes if self._task == "multiclass" else 1
        positions = [f["flat_feature_index"] for f in document["features_info"]["float_features"]]
        scale, bias = document["scale_and_bias"]
        trees = tuple(_tree(tree, positions, width, scale) for tree in document["oblivious_trees"][: self.rounds])
        return TreeSum(trees, np.broadcast_to(np.array(bias, dtype=np.float64), width), _LINKS[self._task])


def _tree(tree: dict[str, Any], positions: list[int], width: int, scale: float) -> Tree:
    """Split i decides bit i of the leaf's number; the tree is laid out as a heap whose top level is the last split."""
    splits = tree["splits"] or []
    depth = len(splits)
    level_of = np.floor(np.log2(np.arange(1, 2**depth))).astype(np.int64)
    by_level = list(reversed(splits))
    heap = np.arange(2**depth - 1, dtype=np.int64)
    false_children, true_children = 2 * heap + 1, 2 * heap + 2
    first_leaf = 2**depth - 1
    features = np.array([positions[s["float_feature_index"]] for s in by_level], dtype=np.int64)
    borders = np.array([s["border"] for s in by_level], dtype=np.float32)
    return Tree(
        features=features[level_of] if depth else features,
        thresholds=borders[level_of] if depth else borders,
        modes=np.full(len(heap), BRANCH_GT, dtype=np.uint8),
        true_children=np.where(true_children >= first_leaf, first_leaf - true_children - 1, true_children),
        false_children=np.where(false_children >= first_leaf, first_leaf - false_children - 1, false_children),
        missing_is_true=np.zeros(len(heap), dtype=np.bool_),
        leaves=np.array(tree["leaf_values"], dtype=np.float64).reshape(-1, width) * scale,
    )
