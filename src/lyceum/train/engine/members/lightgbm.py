"""LightGBM with native categories."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from lyceum.train.engine.clock import Limit
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.members.member import (
    BRANCH_LEQ,
    BRANCH_MEMBER,
    Anatomy,
    Data,
    Effort,
    Link,
    Problem,
    Scores,
    Tree,
    TreeSum,
    class_scores,
    float32_at_most,
)

_ROUNDS_MAX = 1500
_PATIENCE_ROUNDS = 60
_CODES_MAX = 1000
_OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
_METRICS = {"roc_auc": "auc", "mae": "l1"}
_LINKS: dict[str, Link] = {"binary": "sigmoid", "multiclass": "softmax", "regression": "identity"}


@dataclass(frozen=True, slots=True)
class LightGBMMember:
    """A LightGBM configuration; `parameters` are LightGBM's own."""

    parameters: Mapping[str, Any]
    family: str = "LightGBM"

    def fit(self, problem: Problem, data: Data, effort: Effort) -> "FittedLightGBM":
        """Boost until the validation rows stop improving, the rounds are done or the limit is reached."""
        parameters: dict[str, Any] = {
            "objective": _OBJECTIVES[problem.task],
            "num_threads": effort.threads,
            "verbosity": -1,
            "seed": problem.seed,
            "deterministic": True,
            "force_col_wise": True,
            **self.parameters,
        }
        if problem.task == "multiclass":
            parameters["num_class"] = problem.classes
        if problem.metric in _METRICS:
            parameters["metric"] = _METRICS[problem.metric]
        categories = [position for position, codes in problem.category_features.items() if codes <= _CODES_MAX]
        train = lgb.Dataset(data.x, data.y, categorical_feature=categories, params={"verbosity": -1})
        stopper = _StopAtLimit(effort.limit)
        callbacks: list[Any] = [stopper]
        valid = []
        if data.valid_x is not None:
            valid = [lgb.Dataset(data.valid_x, data.valid_y, reference=train)]
            callbacks.append(lgb.early_stopping(_PATIENCE_ROUNDS, verbose=False))
        rounds_max = effort.rounds or _ROUNDS_MAX
        trained = lgb.train(
            parameters, train, rounds_max, valid_sets=valid, callbacks=callbacks, keep_training_booster=True
        )
        rounds = trained.best_iteration if trained.best_iteration > 0 else trained.current_iteration()
        # read back from its text, the booster lets go of the rows
        booster = lgb.Booster(model_str=trained.model_to_string(num_iteration=-1))
        return FittedLightGBM(booster, problem, rounds, stopper.truncated)


class _StopAtLimit:
    """LightGBM's own way to end early: its exception keeps the trees built so far."""

    order = 50

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self.truncated = False

    def __call__(self, env: Any) -> None:
        if self._limit.reached():
            self.truncated = True
            best = env.evaluation_result_list or [("limit", "reached", 0.0, False)]
            raise lgb.callback.EarlyStopException(env.iteration, best)


class FittedLightGBM:
    """A fitted booster."""

    def __init__(self, booster: lgb.Booster, problem: Problem, rounds: int, truncated: bool) -> None:  # noqa: FBT001 - a result, not an option
        self.rounds = rounds
        self.truncated = truncated
        self._booster = booster
        self._task = problem.task
        self._classes = problem.classes

    def predict(self, x: Matrix, rounds: int | None = None) -> Scores:
        """Probabilities [n, classes], or standardised values [n, 1]."""
        scores = self._booster.predict(x, num_iteration=rounds or self.rounds, num_threads=1)
        return class_scores(np.asarray(scores), self._classes)

    def anatomy(self) -> Anatomy:
        """The trees; LightGBM keeps its starting score inside the first one."""
        outputs = self._classes if self._task == "multiclass" else 1
        dump = self._booster.dump_model(num_iteration=self.rounds)["tree_info"]
        trees = tuple(_tree(info["tree_structure"], number % outputs) for number, info in enumerate(dump))
        return TreeSum(trees, np.zeros(outputs), _LINKS[self._task])


def _tree(root: dict[str, Any], output: int) -> Tree:
    nodes, leaves = _numbered(root)
    places = {id(node): place for place, node in enumerate(nodes)}
    places |= {id(leaf): -(place + 1) for place, leaf in enumerate(leaves)}
    sets = {
        place: tuple(float(code) for code in node["threshold"].split("||"))
        for place, node in enumerate(nodes)
        if node["decision_type"] == "=="
    }
    thresholds = np.array([0.0 if place in sets else node["threshold"] for place, node in enumerate(nodes)])
    return Tree(
        features=np.array([node["split_feature"] for node in nodes], dtype=np.int64),
        thresholds=float32_at_most(thresholds),
        modes=np.array([BRANCH_MEMBER if p in sets else BRANCH_LEQ for p in range(len(nodes))], dtype=np.uint8),
        true_children=np.array([places[id(node["left_child"])] for node in nodes], dtype=np.int64),
        false_children=np.array([places[id(node["right_child"])] for node in nodes], dtype=np.int64),
        missing_is_true=np.array([_missing_goes_left(node) for node in nodes], dtype=np.bool_),
        leaves=np.array([[leaf["leaf_value"]] for leaf in leaves]),
        output=output,
        sets=sets,
    )


def _numbered(root: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    nodes: list[dict[str, Any]] = []
    leaves: list[dict[str, Any]] = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        if "split_feature" not in part:
            leaves.append(part)
            continue
        nodes.append(part)
        waiting += [part["right_child"], part["left_child"]]
    return nodes, leaves


def _missing_goes_left(node: dict[str, Any]) -> bool:
    if node["decision_type"] == "==":
        return False
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    # a feature that was never missing in training is read as 0 when it is
    return bool(node["threshold"] >= 0.0)
