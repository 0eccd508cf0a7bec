"""What every member is: something that fits within a limit, predicts, and can be taken apart for export."""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from lyceum.serve.runtime.public import Task
from lyceum.train.engine.clock import Limit
from lyceum.train.engine.encode import Matrix

Scores = npt.NDArray[np.float64]
Link = Literal["identity", "sigmoid", "softmax"]

# the codes of the ONNX TreeEnsemble operator
BRANCH_LEQ, BRANCH_LT, BRANCH_GT, BRANCH_EQ, BRANCH_MEMBER = 0, 1, 3, 4, 6


@dataclass(frozen=True, slots=True)
class Problem:
    """What is learned. `classes` is 1 for regression, whose targets are standardised; `metric` steers early stopping.

    LightGBM and XGBoost stop on ROC AUC and mean error where asked for them; all else stops on the loss that is learned.
    """

    task: Task
    classes: int
    category_features: dict[int, int]
    metric: str
    seed: int


@dataclass(frozen=True, slots=True)
class Data:
    """Rows to learn from, and rows to stop early on when `valid_x` is given."""

    x: Matrix
    y: npt.NDArray[Any]
    valid_x: Matrix | None = None
    valid_y: npt.NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a fit may cost: rounds (trees) to build, the time limit, and threads.

    `threads_in_all` are those that all fits beside each other share, for a library that is fitted one at a time.
    """

    limit: Limit
    rounds: int | None = None
    threads: int = 1
    threads_in_all: int = 1


@dataclass(frozen=True, slots=True)
class Tree:
    """One decision tree in flat arrays; node 0 is the root.

    Children ≥ 0 are nodes, children < 0 are leaf -(child + 1). `leaves` [leaves, width] holds one score a leaf that
    is added to `output`, or a whole row of scores when width > 1. `sets` are the categories of BRANCH_MEMBER nodes.
    A tree without nodes has one leaf.
    """

    features: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.float32]
    modes: npt.NDArray[np.uint8]
    true_children: npt.NDArray[np.int64]
    false_children: npt.NDArray[np.int64]
    missing_is_true: npt.NDArray[np.bool_]
    leaves: npt.NDArray[np.float64]
    output: int = 0
    sets: dict[int, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TreeSum:
    """Scores are link(base + sum of the trees' leaves)."""

    trees: tuple[Tree, ...]
    base: npt.NDArray[np.float64]
    link: Link


@dataclass(frozen=True, slots=True)
class LinearSum:
    """Scores are link(clip((x - means) * scales) @ weights + one_hot @ category_weights + base).

    The numbers are the leading features; missing ones count as their mean. `one_hot_features` and `one_hot_codes` are
    the feature position and the code of each indicator.
    """

    means: npt.NDArray[np.float32]
    scales: npt.NDArray[np.float32]
    number_weights: npt.NDArray[np.float32]
    one_hot_features: npt.NDArray[np.int64]
    one_hot_codes: npt.NDArray[np.float32]
    one_hot_weights: npt.NDArray[np.float32]
    base: npt.NDArray[np.float32]
    link: Link
    clip: float


Anatomy = TreeSum | LinearSum


class FittedMember(Protocol):
    """A member that has learned. `rounds` is how many trees or steps paid; `truncated` that the limit cut it short.

    A member that stopped early keeps the trees past `rounds`, for `predict` to be asked with other rounds.
    """

    rounds: int
    truncated: bool

    def predict(self, x: Matrix, rounds: int | None = None) -> Scores:
        """Probabilities [n, classes], or standardised values [n, 1].

        With `rounds`, those of that many trees, or of all there are; a family that does not stop early has one answer.
        """

    def anatomy(self) -> Anatomy:
        """The member in parts that the exported graph is made of."""


class Member(Protocol):
    """One configuration of a family."""

    @property
    def family(self) -> str:
        """The library's name for people, such as LightGBM."""

    def fit(self, problem: Problem, data: Data, effort: Effort) -> FittedMember:
        """Learn within the limit; stops where it is when the limit is reached."""


def float32_at_most(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Each value rounded down to a float32, so that `x <= value` decides alike for every float32 x, infinity included."""
    limit = float(np.finfo(np.float32).max)
    rounded: npt.NDArray[np.float32] = np.clip(values, -limit, limit).astype(np.float32)
    too_high = rounded.astype(np.float64) > values
    lower: npt.NDArray[np.float32] = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(values >= limit, np.float32(np.inf), np.where(too_high, lower, rounded))


def class_scores(raw: npt.NDArray[Any], classes: int) -> Scores:
    """Library output as [n, classes]: a single probability becomes two columns, a value one."""
    scores = np.asarray(raw, dtype=np.float64)
    if scores.ndim == 1 and classes == 2:
        return np.column_stack([1.0 - scores, scores])
    return scores.reshape(len(scores), classes)
