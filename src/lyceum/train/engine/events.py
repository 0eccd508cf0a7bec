"""What `fit` tells while it runs, and the rows of its leaderboard."""

from collections.abc import Mapping
from dataclasses import dataclass

from lyceum.serve.runtime.public import Task


@dataclass(frozen=True, slots=True)
class Metric:
    """How models are compared, in its usual unit."""

    name: str
    greater_is_better: bool


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One member. `score` is out of fold; `weight` is its share of the ensemble, 0 when not chosen.

    `exported` is None until an export was asked for; `note` says why a member was not exported or not refitted.
    """

    member: str
    family: str
    score: float
    weight: float
    fit_seconds: float
    exported: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class LeakageWarning:
    """A column that alone nearly decides the target, so that it may only be known afterwards.

    `alone_score` is the cross-validated score of this column by itself; `score_without` the ensemble's score with
    every suspected column left out, None when the time limit left no room to measure it.
    """

    column: str
    alone_score: float
    score_without: float | None


@dataclass(frozen=True, slots=True)
class TrainingStarted:
    rows: int
    columns: int
    task: Task
    task_reason: str
    metric: Metric
    time_limit_seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnsLeftOut:
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LeakageSuspected:
    warnings: tuple[LeakageWarning, ...]


@dataclass(frozen=True, slots=True)
class MemberFinished:
    row: LeaderboardRow
    leaderboard: tuple[LeaderboardRow, ...]
    seconds_used: float
    time_limit_seconds: float


@dataclass(frozen=True, slots=True)
class EnsembleChosen:
    weights: Mapping[str, float]
    score: float


@dataclass(frozen=True, slots=True)
class TrainingFinished:
    score: float
    baseline_score: float
    fit_seconds: float
    leaderboard: tuple[LeaderboardRow, ...]


TrainingEvent = TrainingStarted | ColumnsLeftOut | LeakageSuspected | MemberFinished | EnsembleChosen | TrainingFinished
