"""XGBoost on category codes as numbers."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from lyceum.train.engine.clock import Limit
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.members.member import (
    BRANCH_LT,
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

_ROUNDS_MAX = 1500
_PATIENCE_ROUNDS = 60
_OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
_METRICS = {"roc_auc": "auc", "mae": "mae"}
_LINKS: dict[str, Link] = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}


@dataclass(frozen=True, slots=True)
class XGBoostMember:
    """An XGBoost configuration; `parameters` are XGBoost's own."""

    parameters: Mapping[str, Any]
    family: str = "XGBoost"

    def fit(self, problem: Problem, data: Data, effort: Effort) -> "FittedXGBoost":
        """Boost until the validation rows stop improving, the rounds are done or the limit is reached."""
        parameters: dict[str, Any] = {
            "objective": _OBJECTIVES[problem.task],
            "nthread": effort.threads,
            "verbosity": 0,
            "seed": problem.seed,
            "tree_method": "hist",
            **self.parameters,
        }
        if problem.task == "multiclass":
            parameters["num_class"] = problem.classes
        if problem.metric in _METRICS:
            parameters["eval_metric"] = _METRICS[problem.metric]
        stopper = _StopAtLimit(effort.limit)
        early: dict[str, Any] = {}
        if data.valid_x is not None:
            valid = xgb.DMatrix(data.valid_x, data.valid_y, nthread=effort.threads)
            early = {"evals": [(valid, "valid")], "early_stopping_rounds": _PATIENCE_ROUNDS}
        booster = xgb.train(
            parameters,
            xgb.DMatrix(data.x, data.y, nthread=effort.threads),
            effort.rounds or _ROUNDS_MAX,
            verbose_eval=False,
            callbacks=[stopper],
            **early,
        )
        # stopped by the limit in its first round, it has not looked at the validation rows
        best = booster.attr("best_iteration")
        rounds = booster.num_boosted_rounds() if best is None else int(best) + 1
        return FittedXGBoost(booster, problem, rounds, stopper.truncated)


class _StopAtLimit(xgb.callback.TrainingCallback):
    def __init__(self, limit: Limit) -> None:
        super().__init__()
        self._limit = limit
        self.truncated = False

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - XGBoost's signature
        """True stops the boosting."""
        self.truncated = self._limit.reached()
        return self.truncated


class FittedXGBoost:
    """A fitted booster."""

    def __init__(self, booster: xgb.Booster, problem: Problem, rounds: int, truncated: bool) -> None:  # noqa: FBT001 - a result, not an option
        self.rounds = rounds
        self.truncated = truncated
        booster.set_param({"nthread": 1})
        self._booster = booster
        self._task = problem.task
        self._classes = problem.classes

    def predict(self, x: Matrix, rounds: int | None = None) -> Scores:
        """Probabilities [n, classes], or standardised values [n, 1]."""
        used = min(rounds or self.rounds, self._booster.num_boosted_rounds())
        return class_scores(self._booster.inplace_predict(x, iteration_range=(0, used)), self._classes)

    def anatomy(self) -> Anatomy:
        """The trees and the starting score."""
        learner = json.loads(bytes(self._booster[: self.rounds].save_raw("json")))["learner"]
        model = learner["gradient_booster"]["model"]
        trees = tuple(_tree(tree, output) for tree, output in zip(model["trees"], model["tree_info"], strict=True))
        outputs = self._classes if self._task == "multiclass" else 1
        base = np.broadcast_to(np.array(json.loads(learner["learner_model_param"]["base_score"]), ndmin=1), outputs)
        if self._task == "binary":
            base = np.array([math.log(base[0] / (1.0 - base[0]))])
        return TreeSum(trees, base, _LINKS[self._task])


def _tree(tree: dict[str, Any], output: int) -> Tree:
    left = np.array(tree["left_children"], dtype=np.int64)
    right = np.array(tree["right_children"], dtype=np.int64)
    values = np.array(tree["split_conditions"], dtype=np.float32)
    is_leaf: npt.NDArray[np.bool_] = left < 0
    places = np.where(is_leaf, -np.cumsum(is_leaf, dtype=np.int64), np.cumsum(left >= 0) - 1)
    inner = np.logical_not(is_leaf)
    return Tree(
        features=np.array(tree["split_indices"], dtype=np.int64)[inner],
        thresholds=values[inner],
        modes=np.full(int(inner.sum()), BRANCH_LT, dtype=np.uint8),
        true_children=places[left[inner]],
        false_children=places[right[inner]],
        missing_is_true=np.array(tree["default_left"], dtype=np.bool_)[inner],
        leaves=values[is_leaf].astype(np.float64)[:, None],
        output=output,
    )
