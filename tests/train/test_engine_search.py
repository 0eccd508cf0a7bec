"""The search when something goes wrong: members that refuse, and members that take too long."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import polars as pl
import pytest

from lyceum.train.engine import fit as fitting
from lyceum.train.engine import prepare, search
from lyceum.train.engine.clock import Clock
from lyceum.train.engine.folds import make_folds
from lyceum.train.engine.members.catboost import CatBoostMember
from lyceum.train.engine.members.lightgbm import LightGBMMember
from lyceum.train.engine.members.linear import LinearMember
from lyceum.train.engine.members.member import Data, Effort, FittedMember, Problem
from lyceum.train.engine.members.xgboost import XGBoostMember
from lyceum.train.engine.metrics import metric_for
from lyceum.train.engine.portfolio import Candidate
from lyceum.train.engine.public import TableUnusable, TrainingCancelled, fit

ONE_ROUND_SECONDS_MAX = 2.0
"""What no limit shortens on a wide table: reading it into a library and its first round, beside other tests."""


def table(rows: int = 300, *, columns: int = 4, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    y = x[:, 0] + rng.normal(size=rows) * 0.5 > 0
    return pl.DataFrame({**{f"x{i}": x[:, i] for i in range(columns)}, "y": y})


def noise(seed: int) -> pl.DataFrame:
    return table(200, columns=6, seed=seed).with_columns(
        y=pl.Series(np.random.default_rng(seed + 100).random(200) < 0.5)
    )


def only(monkeypatch: pytest.MonkeyPatch, *members: Any) -> None:
    """Let the portfolio be these members."""

    def those(*_: object) -> Iterator[Candidate]:
        return iter([Candidate(f"{member.family} {place}", member) for place, member in enumerate(members)])

    monkeypatch.setattr(fitting, "candidates", those)


@pytest.mark.deep
def test_where_there_is_nothing_to_learn_the_promised_score_is_that_of_guessing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = LightGBMMember({"num_leaves": 6, "min_data_in_leaf": 5})
    only(monkeypatch, LightGBMMember({}), small, XGBoostMember({"max_depth": 3}), LightGBMMember({"extra_trees": True}))
    fitted = [fit(noise(seed), target="y", time_limit_seconds=120) for seed in range(10)]
    assert np.mean([model.validation_score for model in fitted]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([model.leaderboard[0].score for model in fitted]) < 0.57


class Refusing:
    """A linear member that refuses some of the rows."""

    family = "Refusing"

    def __init__(self, *, rows: set[int] | None = None, features: int = 0) -> None:
        self._rows = rows
        self._features = features

    def fit(self, problem: Problem, data: Data, effort: Effort) -> FittedMember:
        refused = data.x.shape[1] == self._features if self._rows is None else len(data.y) in self._rows
        if refused:
            raise RuntimeError("no such rows\nwith details")
        return LinearMember().fit(problem, data, effort)


def test_a_member_that_refuses_its_last_fit_is_served_as_the_first_fold_left_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, Refusing(rows={300}))
    fitted = fit(table(), target="y", time_limit_seconds=10)
    assert [row.note for row in fitted.leaderboard] == [
        "fitted on the first fold's rows only, as Refusing 0 refused all of them: no such rows"
    ]
    assert fitted.score(table(seed=1)) > 0.8


def test_a_refusal_without_the_suspected_column_leaves_the_warning_without_a_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaking = table().with_columns(after=pl.col("y").cast(pl.Float64))
    only(monkeypatch, Refusing(features=4))
    fitted = fit(leaking, target="y", time_limit_seconds=20)
    (warning,) = fitted.leakage_warnings
    assert (warning.column, warning.score_without) == ("after", None)


def test_a_table_that_every_member_refuses_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Refusing(rows={240, 300}))
    with pytest.raises(TableUnusable, match=r"no model could be fitted \(Refusing 0: no such rows\)"):
        fit(table(), target="y", time_limit_seconds=5)


class Slow:
    """A linear member with a start that no limit shortens."""

    family = "Slow"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.fits = 0

    def fit(self, problem: Problem, data: Data, effort: Effort) -> FittedMember:
        self.fits += 1
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            np.ones(1000).sum()
        return LinearMember().fit(problem, data, effort)


def test_when_one_fold_takes_what_was_meant_for_all_that_fold_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(1.2)
    only(monkeypatch, slow, slow, slow)
    started = time.monotonic()
    fitted = fit(table(), target="y", time_limit_seconds=3, threads=1)
    assert time.monotonic() - started < 3.3
    # one fold, and the last fit on all rows where there is time for it
    assert slow.fits <= 2
    assert fitted.validation_score > 0.8
    assert "one part decided" in fitted.findings.notes[-1]


def test_a_later_member_whose_folds_take_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(1.0)
    only(monkeypatch, LinearMember(), slow)
    started = time.monotonic()
    fitted = fit(table(), target="y", time_limit_seconds=4, threads=1)
    assert time.monotonic() - started < 4.4
    assert [row.family for row in fitted.leaderboard] == ["Linear"]
    assert slow.fits < 5


class Echoing:
    """A fitted member that answers with the first column."""

    rounds = 1
    truncated = False

    def predict(self, x: Any, rounds: int | None = None) -> Any:
        return x[:, :1].astype(np.float64)


@dataclass
class Timed:
    """A member whose fits end when the fold at the same place of `ends` says, in seconds from `began`."""

    began: float
    ends: Sequence[float]
    family: str = "Timed"

    def __post_init__(self) -> None:
        self._fits = count()

    def fit(self, problem: Problem, data: Data, effort: Effort) -> Any:
        end = self.began + self.ends[next(self._fits)]
        while time.monotonic() < end:
            np.ones(1000).sum()
        return Echoing()


def searched(threads: int, *ends: Sequence[float]) -> tuple[search.Search, list[search.Trial]]:
    """Search for a second among members whose five fits end then; row i holds i, and so does its target."""
    values = np.arange(100.0)
    metric = metric_for("regression", None)
    material = search.Material(
        x=values[:, None].astype(np.float32),
        y=values,
        truth=values,
        folds=make_folds(values, stratify=False, seed=0),
        problem=Problem("regression", 1, {}, metric.name, 0),
        metric=metric,
    )
    began = time.monotonic()
    running = search.Search(material, Clock(60), threads, deadline=began + 1.0, reserve_for_refit=False)
    members = [Candidate(f"member {place}", Timed(began, each)) for place, each in enumerate(ends)]
    return running, running.run(iter(members))


@pytest.mark.parametrize("threads,first", [(3, [0.1, 0.1, 0.1, 1.1, 1.4]), (8, [1.1, 1.4, 1.4, 1.4, 1.4])])
def test_folds_under_way_at_the_deadline_still_count(threads: int, first: list[float]) -> None:
    running, trials = searched(threads, first, [1.7] * 5)
    assert (trials[0].candidate.name, trials[0].score) == ("member 0", 0.0)
    assert trials[0].predictions.shape == (100, 1)
    assert not running.overran


def test_when_one_fold_decides_what_was_begun_on_other_folds_no_longer_counts() -> None:
    running, trials = searched(3, [0.1, 0.1, 0.1, 0.1, 1.7], [1.1, 1.1, 1.7, 1.7, 1.7])
    assert running.overran
    assert [trial.candidate.name for trial in trials] == ["member 1"]
    assert (len(trials[0].predictions), trials[0].score) == (len(running.material.folds[0].valid), 0.0)


@pytest.mark.parametrize("member", [LightGBMMember({}), XGBoostMember({}), CatBoostMember({})])
def test_a_member_stopped_in_its_first_round_has_learned_one(member: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_FOLD_SECONDS_MIN", 0.0)
    only(monkeypatch, member)
    fitted = fit(table(), target="y", time_limit_seconds=1e-3)
    assert [row.family for row in fitted.leaderboard] == [member.family]
    assert fitted.columns_left_out == {}
    assert fitted.predict(table()).shape == (300,)


def test_of_a_table_too_wide_for_the_limit_the_most_telling_columns_are_learned_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prepare, "_CELLS_MIN", 600)
    monkeypatch.setattr(prepare, "_CELLS_A_SECOND", 300)
    kinds = ["a", "b"] * 150
    fitted = fit(table(columns=8).with_columns(kind=pl.Series(kinds)), target="y", time_limit_seconds=2)
    assert len(fitted.signature.inputs) == 2
    assert "x0" in {column.name for column in fitted.signature.inputs}
    assert set(fitted.columns_left_out.values()) == {prepare._NO_ROOM}
    assert len(fitted.columns_left_out) == 7
    assert fitted.score(table(columns=8, seed=1)) > 0.8


def test_of_a_table_too_tall_for_the_limit_every_column_is_learned_from_on_a_part_of_the_rows() -> None:
    fitted = fit(table(120_000, columns=10), target="y", time_limit_seconds=2)
    assert len(fitted.signature.inputs) == 10
    assert fitted.columns_left_out == {}
    assert "room for 100,000 of 120,000 rows" in fitted.findings.notes[0]
    assert fitted.score(table(1000, columns=10, seed=1)) > 0.8


@pytest.mark.parametrize("after_seconds", [0.1, 0.4])
def test_a_training_on_a_wide_table_is_called_off_before_its_search_too(after_seconds: float) -> None:
    wide = table(2000, columns=1500)
    stop_at = time.monotonic() + after_seconds
    with pytest.raises(TrainingCancelled):
        fit(wide, target="y", time_limit_seconds=60, should_stop=lambda: time.monotonic() > stop_at)
    assert time.monotonic() - stop_at < 1.0


@pytest.mark.deep
@pytest.mark.parametrize("rows,columns", [(5000, 2000), (20_000, 400), (300_000, 100)])
def test_the_time_limit_is_kept_on_a_large_table(rows: int, columns: int) -> None:
    large = table(rows, columns=columns)
    started = time.monotonic()
    fitted = fit(large, target="y", time_limit_seconds=8)
    assert time.monotonic() - started < 8.8 + ONE_ROUND_SECONDS_MAX
    assert fitted.score(table(500, columns=columns, seed=1)) > 0.8
