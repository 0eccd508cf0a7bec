"""Scores agree with scikit-learn's, and the ensemble is chosen so that every member earns its place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from lyceum.train.engine.events import Metric
from lyceum.train.engine.metrics import metric_for, score
from lyceum.train.engine.selection import blend, cross_fitted, select

AUC = Metric("roc_auc", greater_is_better=True)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=60))
def test_the_area_under_the_curve_is_scikit_learns_with_ties(rows: list[tuple[bool, int]]) -> None:
    y = np.array([int(label) for label, _ in rows])
    p = np.array([rank / 5 for _, rank in rows])
    expected = reference.roc_auc_score(y, p) if len(set(y)) == 2 else 0.5
    assert score(AUC, y, np.column_stack([1 - p, p])) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1))
def test_the_other_scores_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(4), 30)
    y = np.concatenate([np.arange(4), rng.integers(0, 4, 26)])
    assert score(metric_for("multiclass"), y, p) == pytest.approx(reference.log_loss(y, p))
    values, guesses = rng.normal(size=30), rng.normal(size=(30, 1))
    assert score(metric_for("regression"), values, guesses) == pytest.approx(
        reference.root_mean_squared_error(values, guesses[:, 0])
    )
    assert score(metric_for("regression", "mae"), values, guesses) == pytest.approx(
        reference.mean_absolute_error(values, guesses[:, 0])
    )
    assert score(metric_for("regression", "r2"), values, guesses) == pytest.approx(
        reference.r2_score(values, guesses[:, 0])
    )


def guesses(truth: np.ndarray, noise: float, seed: int) -> np.ndarray:
    return (truth + np.random.default_rng(seed).normal(size=len(truth)) * noise)[:, None]


def test_members_that_err_differently_are_averaged_and_beat_each_alone() -> None:
    truth = np.random.default_rng(0).normal(size=800)
    options = [guesses(truth, 1.0, seed) for seed in (1, 2, 3)]
    rmse = metric_for("regression")
    weights = select(options, truth, rmse)
    assert set(weights) == {0, 1, 2}
    assert sum(weights.values()) == pytest.approx(1)
    assert score(rmse, truth, blend(options, weights)) < 0.7 * min(score(rmse, truth, o) for o in options)


def test_a_member_that_adds_nothing_is_left_out() -> None:
    truth = np.random.default_rng(0).normal(size=800)
    good = guesses(truth, 0.1, 1)
    assert select([guesses(truth, 30.0, 2), good, good.copy()], truth, metric_for("regression")) == {1: 1.0}


def test_an_ensemble_has_at_most_five_members() -> None:
    truth = np.random.default_rng(0).normal(size=500)
    weights = select([guesses(truth, 1.0, seed) for seed in range(20)], truth, metric_for("regression"))
    assert 2 <= len(weights) <= 5


def test_of_many_rows_a_fixed_sample_decides() -> None:
    truth = np.random.default_rng(0).normal(size=1000)
    options = [guesses(truth, noise, seed) for seed, noise in enumerate((1.0, 1.1, 1.2, 1.3))]
    rmse = metric_for("regression")
    chosen = np.sort(np.random.default_rng([3, 2]).choice(1000, 100, replace=False))
    of_sample = select(options, truth, rmse, seed=3, rows_max=100)
    assert of_sample == select([option[chosen] for option in options], truth[chosen], rmse)
    assert of_sample != select(options, truth, rmse, seed=3)
    assert of_sample != select(options, truth, rmse, seed=4, rows_max=100)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_the_target_does_not_matter(unit: float) -> None:
    truth = np.random.default_rng(0).normal(size=800)
    options = [guesses(truth, 1.0, seed) for seed in (1, 2, 3)]
    rmse = metric_for("regression")
    weights = select([option * unit for option in options], truth * unit, rmse)
    assert weights == pytest.approx(select(options, truth, rmse))
    assert len(weights) == 3


def coins(seed: int, *, rows: int = 200, members: int = 26) -> tuple[list[np.ndarray], np.ndarray]:
    """Members that know nothing of the truth."""
    rng = np.random.default_rng(seed)
    chances = rng.random((members, rows))
    return [np.column_stack([1 - p, p]) for p in chances], rng.integers(0, 2, rows)


def test_weights_score_well_by_luck_on_their_own_rows_and_as_guessing_on_others() -> None:
    own, fair = [], []
    for seed in range(12):
        options, truth = coins(seed)
        parts = np.array_split(np.random.default_rng(seed).permutation(len(truth)), 5)
        rows, blended = cross_fitted(options, options, truth, AUC, parts)
        assert sorted(rows) == list(range(len(truth)))
        own.append(score(AUC, truth, blend(options, select(options, truth, AUC))))
        fair.append(score(AUC, truth[rows], blended))
    assert np.mean(own) > 0.6
    assert np.mean(fair) == pytest.approx(0.5, abs=0.03)


def test_parts_that_there_is_no_time_for_are_left_out_of_the_score_but_never_the_first() -> None:
    options, truth = coins(0, members=3)
    parts = [np.arange(0, 200, 2), np.arange(1, 200, 2)]
    rows, blended = cross_fitted(options, options, truth, AUC, parts, may_go_on=lambda: False)
    assert rows.tolist() == parts[0].tolist()
    assert len(blended) == len(rows)
