"""`fit`: from a table to the best ensemble that the time limit allows."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from lyceum.serve.runtime.public import Outcome, Task, TypedFrame
from lyceum.train.engine.clock import Clock
from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.ensemble import Ensemble, Selection
from lyceum.train.engine.errors import TableUnusable
from lyceum.train.engine.events import (
    ColumnsLeftOut,
    EnsembleChosen,
    LeaderboardRow,
    LeakageSuspected,
    LeakageWarning,
    MemberFinished,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
)
from lyceum.train.engine.export.graph import Scale
from lyceum.train.engine.fitted import Findings, FittedModel
from lyceum.train.engine.importance import permutation_importances
from lyceum.train.engine.leakage import ColumnAlone, suspicious
from lyceum.train.engine.members.member import Scores
from lyceum.train.engine.metrics import score
from lyceum.train.engine.portfolio import candidates
from lyceum.train.engine.prepare import Asked, Prepared, prepare
from lyceum.train.engine.search import WORTH_STARTING, Material, Search, ServedMember, Trial, refit, refit_seconds
from lyceum.train.engine.selection import select
from lyceum.train.engine.validation import fair_score

_TIME_USED_SHARE = 0.97
_SAMPLE_ROWS = 200
_IMPORTANCE_SHARE = 0.04
_IMPORTANCE_SHARE_MIN = 0.02
"""Theirs even when the search has overrun: a refit without time has a stand-in, importances have none."""
_SELECTION_SHARE = 0.05
_WITHOUT_SHARE = 0.15
_WITHOUT_MEMBERS = 2

OnEvent = Callable[[TrainingEvent], None]


def fit(
    df: object,
    *,
    target: str,
    time_limit_seconds: float = 60.0,
    task: Task | None = None,
    metric: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    leave_out: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> FittedModel:
    """Learn to predict the column `target` and return the best ensemble found in `time_limit_seconds` of wall time.

    `df` is a Polars or pandas frame or anything with an Arrow export; its types are taken as they are, so that the
    text "None" is a value and only null is missing. `leave_out` maps columns to the reason for not learning from them.
    `on_event` is called from this thread, `should_stop` from any. With the same seed and thread count, and a limit that
    every member stays clear of, the same table gives the same model.

    A table too large for the limit is learned from in part: of a tall one a part of the rows, which `findings.notes`
    tells, of a wide one the columns that say most, with the others in `columns_left_out`.

    Raises TargetUnusable, TableUnusable, ValueError for a metric that does not fit or a column to leave out that is not
    there, and TrainingCancelled within about a second after `should_stop` returns true; on a large table only once the
    libraries have finished the step they are in, of which the first, reading the table, takes longest.
    """
    clock = Clock(time_limit_seconds * _TIME_USED_SHARE, should_stop)
    tell = on_event or (lambda _event: None)
    prepared = prepare(df, Asked(target, task, metric, seed, time_limit_seconds, leave_out or {}), clock)
    tell(_started(prepared, time_limit_seconds))
    if prepared.plan.left_out:
        tell(ColumnsLeftOut(prepared.plan.left_out))
    training = _Training(prepared, clock, threads or _usable_cores(), time_limit_seconds, tell)
    # the folds already fill the cores: threads of BLAS inside them would only wait for one another
    with threadpool_limits(limits=1, user_api="blas"):
        return training.run()


@dataclass(slots=True)
class _Training:
    prepared: Prepared
    clock: Clock
    threads: int
    time_limit_seconds: float
    tell: OnEvent

    def run(self) -> FittedModel:
        problem = self.prepared.material.problem
        suspects = self._suspects()
        search = self._search(with_room_for_doubt=bool(suspects))
        trials = search.run(candidates(problem.task, problem.seed))
        material = search.material
        rows = material.scored_rows
        truth = material.truth[rows]
        weights = select([t.predictions for t in trials], truth, material.metric, seed=problem.seed)
        validation_score = fair_score(trials, material, may_go_on=self._may_for(_SELECTION_SHARE / 2))
        chosen = [(trials[place], weight) for place, weight in weights.items()]
        self.tell(EnsembleChosen({t.candidate.name: w for t, w in chosen}, validation_score))
        warnings = self._doubts(material, suspects, chosen)
        importances = permutation_importances(
            material, chosen, self.prepared.encoder.sources, seconds=self._seconds_for_importances(chosen)
        )
        served = refit(material, chosen, self.clock, self.threads)
        board = _leaderboard(search, served)
        findings = Findings(
            task_reason=self.prepared.target.reason,
            notes=(*self.prepared.target.notes, *self.prepared.notes, *_search_notes(search)),
            columns_left_out=self.prepared.plan.left_out,
            leakage_warnings=warnings,
            importances=importances,
            validation_score=validation_score,
            baseline_score=score(material.metric, truth, _guesses(material, len(rows))),
            fit_seconds=self.clock.used(),
        )
        self.tell(TrainingFinished(validation_score, findings.baseline_score, findings.fit_seconds, board))
        return self._model(material, trials, served, board, findings)

    def _may_for(self, share: float) -> Callable[[], bool]:
        """Whether this share of the time limit, counted from now, is not used up."""
        end = self.clock.in_seconds(share * self.time_limit_seconds)
        return lambda: self.clock.in_seconds(0.0) < end

    def _seconds_for_importances(self, chosen: list[tuple[Trial, float]]) -> float:
        spare = self.clock.left() - refit_seconds([trial for trial, _ in chosen], self.threads)
        share = min(_IMPORTANCE_SHARE, max(_IMPORTANCE_SHARE_MIN, spare / self.time_limit_seconds))
        return share * self.time_limit_seconds

    def _suspects(self) -> list[ColumnAlone]:
        suspects = suspicious(self.prepared.alone)
        if suspects:
            self.tell(LeakageSuspected(tuple(LeakageWarning(s.column, s.score, None) for s in suspects)))
        return suspects

    def _search(self, *, with_room_for_doubt: bool) -> Search:
        kept_back = _SELECTION_SHARE + _IMPORTANCE_SHARE + (_WITHOUT_SHARE if with_room_for_doubt else 0.0)
        search = Search(
            self.prepared.material,
            self.clock,
            self.threads,
            deadline=self.clock.deadline - kept_back * self.time_limit_seconds,
        )

        def told(trial: Trial) -> None:
            board = _leaderboard(search, [])
            row = next(row for row in board if row.member == trial.candidate.name)
            self.tell(MemberFinished(row, board, self.clock.used(), self.time_limit_seconds))

        search.on_trial = told
        return search

    def _doubts(
        self, material: Material, suspects: list[ColumnAlone], chosen: list[tuple[Trial, float]]
    ) -> tuple[LeakageWarning, ...]:
        """The warnings, with the score that the ensemble's heaviest members reach without the suspected columns."""
        if not suspects:
            return ()
        without = self._score_without(material, {s.column for s in suspects}, chosen)
        warnings = tuple(LeakageWarning(s.column, s.score, without) for s in suspects)
        self.tell(LeakageSuspected(warnings))
        return warnings

    def _score_without(self, material: Material, columns: set[str], chosen: list[tuple[Trial, float]]) -> float | None:
        keep = [i for i, source in enumerate(self.prepared.encoder.sources) if source not in columns]
        kept_back = refit_seconds([trial for trial, _ in chosen], self.threads)
        left = self.clock.left() - kept_back - _IMPORTANCE_SHARE * self.time_limit_seconds
        heaviest = [trial for trial, _ in sorted(chosen, key=lambda entry: -entry[1])]
        if not keep or left < WORTH_STARTING * heaviest[0].fit_seconds / min(self.threads, len(material.folds)):
            return None
        categories = material.problem.category_features
        problem = replace(
            material.problem,
            category_features={new: categories[old] for new, old in enumerate(keep) if old in categories},
        )
        x: Matrix = np.ascontiguousarray(material.x[:, keep])
        again = Search(
            replace(material, x=x, problem=problem),
            self.clock,
            self.threads,
            deadline=self.clock.in_seconds(left),
            reserve_for_refit=False,
        )
        try:
            trials = again.run(trial.candidate for trial in heaviest[:_WITHOUT_MEMBERS])
        except TableUnusable:
            return None
        return fair_score(trials, again.material, may_go_on=self._may_for(_SELECTION_SHARE / 2))

    def _model(
        self,
        material: Material,
        trials: list[Trial],
        served: list[ServedMember],
        board: tuple[LeaderboardRow, ...],
        findings: Findings,
    ) -> FittedModel:
        target = self.prepared.target
        ensemble = Ensemble(
            self.prepared.encoder,
            Outcome(target.name, target.task, target.classes),
            Scale(material.mean, material.deviation),
            tuple(served),
        )
        names = {member.name for member in served}
        selection = Selection(
            {t.candidate.name: t.predictions for t in trials if t.candidate.name in names},
            material.truth[material.scored_rows],
            material.metric,
            material.problem.seed,
        )
        return FittedModel(material.metric, board, findings, ensemble, selection, _sample(self.prepared.typed))


def _started(prepared: Prepared, time_limit_seconds: float) -> TrainingStarted:
    return TrainingStarted(
        rows=len(prepared.target.values),
        columns=len(prepared.plan.prestep.columns),
        task=prepared.target.task,
        task_reason=prepared.target.reason,
        metric=prepared.material.metric,
        time_limit_seconds=time_limit_seconds,
        notes=prepared.target.notes,
    )


def _leaderboard(search: Search, served: list[ServedMember]) -> tuple[LeaderboardRow, ...]:
    weights = {member.name: member.weight for member in served}
    notes = {member.name: member.note for member in served}
    rows = [
        LeaderboardRow(
            member=trial.candidate.name,
            family=trial.candidate.member.family,
            score=trial.score,
            weight=weights.get(trial.candidate.name, 0.0),
            fit_seconds=trial.fit_seconds,
            note=notes.get(trial.candidate.name, ""),
        )
        for trial in search.trials
    ]
    return tuple(sorted(rows, key=lambda row: row.score, reverse=search.material.metric.greater_is_better))


def _search_notes(search: Search) -> list[str]:
    notes = [f"{failure.candidate.name} could not be fitted: {failure.reason}" for failure in search.failures]
    if search.overran:
        notes.append("the time limit left no room to try each member on several parts of the rows, so one part decided")
    return notes


def _guesses(material: Material, rows: int) -> Scores:
    if material.problem.task == "regression":
        return np.full((rows, 1), material.mean)
    shares = np.bincount(material.truth, minlength=material.problem.classes) / len(material.truth)
    return np.broadcast_to(shares, (rows, material.problem.classes)).astype(np.float64)


def _sample(typed: TypedFrame) -> TypedFrame:
    return typed.slice(0, _SAMPLE_ROWS)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
