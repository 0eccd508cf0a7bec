"""Fits candidates fold by fold on all cores until the time set aside for searching is used.

Where one fold of the first candidate shows that there is no time for the others, the search goes on with that fold alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lyceum.kernel.problems import first_line
from lyceum.train.engine.clock import Clock
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.errors import TableUnusable
from lyceum.train.engine.events import Metric
from lyceum.train.engine.folds import Fold
from lyceum.train.engine.members.member import Data, Effort, FittedMember, Problem, Scores
from lyceum.train.engine.metrics import score
from lyceum.train.engine.portfolio import Candidate
from lyceum.train.engine.selection import select

_FIRST_SHARE, _SHARE = 0.38, 0.45
_ROOM = 1.3
_FOLD_SECONDS_MIN = 0.1
_WAIT_SECONDS = 0.05
# what is left after the folds must do for fitting the candidate once more on all rows
_SHARE_MAX = 0.65
# a candidate cut off before this part of its usual time teaches little
WORTH_STARTING = 0.5
_LIKELY_ROWS_MAX = 3000
_REFIT_OVER_FOLD = 1.35
_KEPT_WHEN_TRUNCATED = 0.7
# what a family that was never tried may take of a table on which one fold took more than its share
_UNKNOWN_FAMILY_ROOM = 2.0
_STAND_IN_NOTE = "fitted on the first fold's rows only, as "
_NO_TIME = "no time was left for all of them"
# with a single holdout, this many candidates side by side; each then has several threads on a large machine
_HOLDOUT_WORKERS_MAX = 4


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a fit needs. `y` are class positions, or standardised numbers with their `mean` and `deviation`."""

    x: Matrix
    y: npt.NDArray[Any]
    truth: npt.NDArray[Any]
    folds: tuple[Fold, ...]
    problem: Problem
    metric: Metric
    mean: float = 0.0
    deviation: float = 1.0

    @property
    def scored_rows(self) -> npt.NDArray[np.int64]:
        """Rows with an out-of-fold prediction, in order."""
        return np.sort(np.concatenate([fold.valid for fold in self.folds]))

    def in_target_units(self, scores: Scores) -> Scores:
        """Predictions as they are compared with `truth`."""
        return scores * self.deviation + self.mean if self.problem.task == "regression" else scores


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate that was fitted on every fold. `predictions` are out of fold, for the scored rows, in target units.

    They are made with the rounds that were best on the very rows: good for choosing weights, too good for a score.
    `fair` are made with the rounds that were best in the other folds, and `score` is theirs; with a single fold they
    are the same as `predictions`.
    """

    place: int
    candidate: Candidate
    predictions: Scores
    fair: Scores
    score: float
    rounds: int
    fold_seconds: float
    fit_seconds: float
    first_fold: FittedMember


@dataclass(frozen=True, slots=True)
class FailedTrial:
    """A candidate whose library refused, with what it said."""

    candidate: Candidate
    reason: str


@dataclass(slots=True)
class _Running:
    place: int
    candidate: Candidate
    end: float
    folds: tuple[Fold, ...]
    waiting: list[int]
    predictions: Scores
    fitted: dict[int, FittedMember] = field(default_factory=dict)
    seconds: float = 0.0
    broken: str = ""
    closed: bool = False


@dataclass(slots=True)
class Search:
    """One search; `trials` grows in order of completion. `deadline` is on the monotonic clock.

    `material` keeps a single fold from when `overran` is true.
    """

    material: Material
    clock: Clock
    threads: int
    deadline: float
    on_trial: Callable[[Trial], None] = lambda _trial: None
    reserve_for_refit: bool = True
    trials: list[Trial] = field(default_factory=list)
    failures: list[FailedTrial] = field(default_factory=list)
    overran: bool = False
    _open: list[_Running] = field(default_factory=list)
    _likely: list[Trial] = field(default_factory=list)

    def run(self, candidates: Iterator[Candidate]) -> list[Trial]:
        """Fit candidates while time is left, at least the first; trials come back in the candidates' order.

        Raises TrainingCancelled, and TableUnusable when not one candidate could be fitted.
        """
        with ThreadPoolExecutor(self._workers, thread_name_prefix="fit") as pool:
            try:
                self._run_in(pool, enumerate(candidates))
            except BaseException:
                # the pool waits for its threads: without this an interrupt would wait for whole fits
                self.clock.cancel()
                raise
        self.clock.raise_if_cancelled()
        if not self.trials:
            reasons = "; ".join(f"{failure.candidate.name}: {failure.reason}" for failure in self.failures)
            raise TableUnusable(f"no model could be fitted ({reasons}); look for odd values, or leave columns out")
        return sorted(self.trials, key=lambda trial: trial.place)

    def _run_in(self, pool: ThreadPoolExecutor, numbered: Iterator[tuple[int, Candidate]]) -> None:
        busy: dict[Future[tuple[FittedMember, Scores, float]], tuple[_Running, int]] = {}
        while not self.clock.cancelled():
            while len(busy) < self._workers and (task := self._next_task(numbered)) is not None:
                running, number = task
                fold, effort = running.folds[number], self._fold_effort(running)
                busy[pool.submit(self._fit_fold, running.candidate, fold, effort)] = task
            if not busy:
                break
            done, _ = wait(busy, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                self._collect(future, *busy.pop(future))

    @property
    def _workers(self) -> int:
        return self.threads if len(self.material.folds) > 1 else min(self.threads, _HOLDOUT_WORKERS_MAX)

    def _reserved_seconds(self) -> float:
        return refit_seconds(self._likely, self.threads) if self.reserve_for_refit else 0.0

    def _likely_chosen(self) -> list[Trial]:
        """The trials that would be chosen if the search ended now."""
        truth = self.material.truth[self.material.scored_rows]
        predictions = [trial.predictions for trial in self.trials]
        return [
            self.trials[place] for place in select(predictions, truth, self.material.metric, rows_max=_LIKELY_ROWS_MAX)
        ]

    def _search_left(self) -> float:
        return self.deadline - self._reserved_seconds() - time.monotonic()

    def _next_task(self, numbered: Iterator[tuple[int, Candidate]]) -> tuple[_Running, int] | None:
        for running in self._open:
            if running.waiting:
                return running, running.waiting.pop(0)
        if not self._worth_starting():
            return None
        place, candidate = next(numbered, (None, None))
        while candidate is not None and not self._fits(candidate):
            place, candidate = next(numbered, (None, None))
        if place is None or candidate is None:
            return None
        allotted = self._allotted_seconds(candidate)
        shape = (len(self.material.y), self.material.problem.classes)
        folds = self.material.folds
        waiting = list(range(len(folds)))
        running = _Running(place, candidate, time.monotonic() + allotted, folds, waiting, np.full(shape, np.nan))
        self._open.append(running)
        return running, running.waiting.pop(0)

    def _fits(self, candidate: Candidate) -> bool:
        if not self.trials:
            return True
        if self.overran and self._search_left() < self._room(candidate) * self._expected_seconds(candidate):
            return False
        return self._allotted_seconds(candidate) > WORTH_STARTING * self._expected_seconds(candidate)

    def _allotted_seconds(self, candidate: Candidate) -> float:
        """Wall time for one candidate: a share of what is left, or what its family needed before when that is more."""
        left = self._search_left()
        if not self.trials:
            return left * _FIRST_SHARE
        return max(left * _SHARE, min(left * _SHARE_MAX, _ROOM * self._expected_seconds(candidate)))

    def _expected_seconds(self, candidate: Candidate) -> float:
        known = self._family_seconds(candidate) or [t.fit_seconds for t in self.trials]
        return float(np.median(known)) / (1 if self.overran else self.threads)

    def _family_seconds(self, candidate: Candidate) -> list[float]:
        return [t.fit_seconds for t in self.trials if t.candidate.member.family == candidate.member.family]

    def _room(self, candidate: Candidate) -> float:
        return 1.0 if self._family_seconds(candidate) else _UNKNOWN_FAMILY_ROOM

    def _worth_starting(self) -> bool:
        if not self.trials:
            return not self._open or self._search_left() > 0
        return self._search_left() > 2 * _FOLD_SECONDS_MIN * len(self.material.folds) / self.threads

    def _fold_effort(self, running: _Running) -> Effort:
        """An equal share of the candidate's remaining time for each of its remaining folds, this one included."""
        now = time.monotonic()
        to_do = len(running.waiting) + 1
        fair = (running.end - now) * min(self._workers, to_do) / to_do
        latest = max(self.deadline - self._reserved_seconds(), now + _FOLD_SECONDS_MIN)
        limit = self.clock.limit(min(now + max(_FOLD_SECONDS_MIN, fair), latest))
        return Effort(limit, threads=self.threads // self._workers, threads_in_all=self.threads)

    def _fit_fold(self, candidate: Candidate, fold: Fold, effort: Effort) -> tuple[FittedMember, Scores, float]:
        material = self.material
        started = time.monotonic()
        valid_x = material.x[fold.valid]
        data = Data(x=material.x[fold.train], y=material.y[fold.train], valid_x=valid_x, valid_y=material.y[fold.valid])
        fitted = candidate.member.fit(material.problem, data, effort)
        return fitted, fitted.predict(valid_x), time.monotonic() - started

    def _collect(self, future: Future[tuple[FittedMember, Scores, float]], running: _Running, number: int) -> None:
        if running.closed:
            return
        try:
            fitted, scores, seconds = future.result()
        except Exception as error:  # noqa: BLE001 - one library's refusal must not end the training
            running.broken = first_line(error)
            self._close(running)
            self.failures.append(FailedTrial(running.candidate, running.broken))
            return
        running.predictions[running.folds[number].valid] = self.material.in_target_units(scores)
        running.fitted[number] = fitted
        running.seconds += seconds
        if running.waiting:
            self._look_ahead(running, number, seconds)
        if len(running.fitted) == len(running.folds) and not running.closed:
            self._finish(running)

    def _look_ahead(self, running: _Running, number: int, seconds: float) -> None:
        """Give up the folds that there is no time for: of the first candidate for good, of a later one with itself."""
        left = self.deadline - time.monotonic()
        needed = seconds * len(running.waiting) / self._workers
        if self.trials and needed > left:
            self._close(running)
        elif not self.trials and needed > left * _SHARE_MAX:
            self._decide_by(running, number, seconds)

    def _decide_by(self, running: _Running, number: int, seconds: float) -> None:
        """Go on with this one fold, which `running` has; what was begun on all of them cannot be compared with it."""
        self.overran = True
        self.material = replace(self.material, folds=(running.folds[number],))
        for other in [other for other in self._open if other is not running]:
            self._close(other)
        running.folds = self.material.folds
        running.fitted = {0: running.fitted[number]}
        running.seconds = seconds
        running.waiting = []

    def _close(self, running: _Running) -> None:
        running.closed = True
        self._open.remove(running)

    def _fair(self, running: _Running, predictions: Scores) -> Scores:
        """Each fold predicted with the rounds that the others stopped at, as far as it has them and time is left."""
        if len(running.fitted) == 1:
            return predictions
        fair = running.predictions.copy()
        total = sum(fitted.rounds for fitted in running.fitted.values())
        for number, fitted in running.fitted.items():
            rounds = max(1, round((total - fitted.rounds) / (len(running.fitted) - 1)))
            if rounds == fitted.rounds or self.clock.left() <= 0 or self.clock.cancelled():
                continue
            valid = running.folds[number].valid
            fair[valid] = self.material.in_target_units(fitted.predict(self.material.x[valid], rounds))
        return fair[self.material.scored_rows]

    def _finish(self, running: _Running) -> None:
        self._close(running)
        rows = self.material.scored_rows
        predictions = running.predictions[rows]
        if not np.isfinite(predictions).all():
            self.failures.append(FailedTrial(running.candidate, "it predicted values that are not finite"))
            return
        fair = self._fair(running, predictions)
        trial = Trial(
            place=running.place,
            candidate=running.candidate,
            predictions=predictions,
            fair=fair,
            score=score(self.material.metric, self.material.truth[rows], fair),
            rounds=round(float(np.mean([fitted.rounds for fitted in running.fitted.values()]))),
            fold_seconds=running.seconds / len(running.folds),
            fit_seconds=running.seconds,
            first_fold=running.fitted[min(running.fitted)],
        )
        self.trials.append(trial)
        if self.reserve_for_refit:
            self._likely = self._likely_chosen()
        if not self.clock.cancelled():
            self.on_trial(trial)


def refit_seconds(trials: Sequence[Trial], threads: int) -> float:
    """What fitting these trials once more on all rows will take."""
    costs = [trial.fold_seconds * _REFIT_OVER_FOLD for trial in trials]
    return max(sum(costs) / threads, *costs) if costs else 0.0


@dataclass(frozen=True, slots=True)
class ServedMember:
    """One member as it is served: fitted once on all rows, or on the first fold's when time ran out."""

    name: str
    family: str
    weight: float
    fitted: FittedMember
    note: str


def refit(material: Material, chosen: Sequence[tuple[Trial, float]], clock: Clock, threads: int) -> list[ServedMember]:
    """Fit the chosen trials once on all rows, heaviest first, within the clock's deadline.

    Where there is no time, the library refuses, or the limit cuts a fit off far before its rounds, the model of the
    first fold stands in: it has seen fewer rows, but it is the member that was chosen.
    """
    by_weight = sorted(chosen, key=lambda entry: -entry[1])
    threads_each = max(1, threads // len(by_weight))
    data = Data(x=material.x, y=material.y)

    def fit_one(entry: tuple[Trial, float]) -> ServedMember:
        trial, weight = entry
        family = trial.candidate.member.family
        stand_in = ServedMember(trial.candidate.name, family, weight, trial.first_fold, _STAND_IN_NOTE + _NO_TIME)
        if clock.left() < _REFIT_OVER_FOLD * trial.fold_seconds or clock.cancelled():
            return stand_in
        wanted = int(trial.rounds * 1.1) + 1
        effort = Effort(clock.limit(clock.deadline), rounds=wanted, threads=threads_each, threads_in_all=threads)
        try:
            fitted = trial.candidate.member.fit(material.problem, data, effort)
        except Exception as error:  # noqa: BLE001 - one library's refusal must not end the training
            return replace(
                stand_in, note=f"{_STAND_IN_NOTE}{trial.candidate.name} refused all of them: {first_line(error)}"
            )
        if fitted.truncated and fitted.rounds < _KEPT_WHEN_TRUNCATED * wanted:
            return stand_in
        return ServedMember(trial.candidate.name, family, weight, fitted, "")

    with ThreadPoolExecutor(threads, thread_name_prefix="refit") as pool:
        served = list(pool.map(fit_one, by_weight))
    clock.raise_if_cancelled()
    return served


def renormalised(members: Sequence[ServedMember]) -> list[ServedMember]:
    """The members with weights that sum to 1."""
    total = sum(member.weight for member in members)
    return [ServedMember(m.name, m.family, m.weight / total, m.fitted, m.note) for m in members]
