"""`lyceum.fit`: what it finds out, what it leaves out, and how it keeps its time."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import lyceum
from lyceum.train.engine import portfolio, search
from lyceum.train.engine.members.catboost import CatBoostMember
from lyceum.train.engine.public import (
    ColumnsLeftOut,
    EnsembleChosen,
    LeakageSuspected,
    MemberFinished,
    TableUnusable,
    TrainingCancelled,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
    fit,
)


def loans(rows: int = 400, *, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    income = rng.lognormal(3, 0.5, rows)
    purpose = rng.choice(["car", "house", "None", "NA"], rows)
    risk = income / 20 + (purpose == "None") + rng.normal(size=rows) * 0.7
    return pl.DataFrame(
        {
            "income": income,
            "age": rng.integers(18, 80, rows),
            "purpose": purpose,
            "repaid": np.where(risk > 1.4, "yes", "no"),
        }
    )


def test_lyceum_fit_is_there_without_being_imported() -> None:
    assert lyceum.fit is fit


@pytest.fixture(scope="module")
def events() -> list[TrainingEvent]:
    return []


@pytest.fixture(scope="module")
def model(events: list[TrainingEvent]) -> Any:
    table = loans().with_columns(
        constant=pl.lit(3),
        empty=pl.lit(None, dtype=pl.Int64),
        row_id=pl.int_range(pl.len()),
        name=pl.format("person number {}", pl.int_range(pl.len())),
        tags=pl.lit([1, 2]),
    )
    return fit(
        table,
        target="repaid",
        time_limit_seconds=8,
        leave_out={"age": "the law forbids deciding by age"},
        on_event=events.append,
    )


def test_a_model_beats_guessing_and_scores_new_rows_as_it_promised(model: Any) -> None:
    assert (model.task, model.metric.name, model.classes) == ("binary", "roc_auc", ("no", "yes"))
    assert model.baseline_score == 0.5
    assert model.validation_score > 0.7
    assert model.score(loans(2000, seed=5)) == pytest.approx(model.validation_score, abs=0.07)


def test_predictions_have_the_labels_own_type_and_probabilities_sum_to_one(model: Any) -> None:
    new = loans(50, seed=6)
    probabilities = model.predict_proba(new)
    assert probabilities.shape == (50, 2)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert model.predict(new).tolist() == [("no", "yes")[i] for i in probabilities.argmax(axis=1)]


def test_the_texts_none_and_na_are_values_like_any_other(model: Any) -> None:
    purpose = next(c for c in model.signature.inputs if c.name == "purpose")
    assert set(purpose.choices) == {"car", "house", "None", "NA"}
    assert purpose.required
    same = pl.DataFrame({"income": [20.0] * 3, "purpose": ["None", "car", None]})
    p_none, p_car, _ = model.predict_proba(same)[:, 1]
    assert p_none > p_car


def test_columns_that_teach_nothing_are_left_out_each_with_its_reason(model: Any) -> None:
    reasons = model.columns_left_out
    assert reasons["age"] == "the law forbids deciding by age"
    assert reasons["constant"] == "the same value in every row"
    assert reasons["empty"] == "all values are missing"
    assert "row number" in reasons["row_id"]
    assert reasons["name"].startswith("free text")
    assert "cannot read" in reasons["tags"]
    assert [c.name for c in model.signature.inputs] == ["income", "purpose"]


def test_what_matters_most_is_named_first(model: Any) -> None:
    assert set(model.importances) == {"income", "purpose"}
    assert next(iter(model.importances)) == "income"
    assert model.importances["income"] > 0.05


@pytest.mark.deep
def test_importances_have_their_part_of_the_time_whatever_the_refit_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyceum.train.engine.fit.refit_seconds", lambda *_: 1e9)
    model = fit(loans().drop("age"), target="repaid", time_limit_seconds=6)
    assert set(model.importances) == {"income", "purpose"}


def test_the_leaderboard_is_sorted_and_its_weights_sum_to_one(model: Any) -> None:
    scores = [row.score for row in model.leaderboard]
    assert scores == sorted(scores, reverse=True)
    assert sum(row.weight for row in model.leaderboard) == pytest.approx(1)
    assert "LightGBM default" in {row.member for row in model.leaderboard}
    # the best of many looks better than it is, the ensemble's score is measured without that advantage
    assert model.validation_score >= scores[0] - 0.03


def test_progress_is_told_from_start_to_finish(model: Any, events: list[TrainingEvent]) -> None:
    kinds = [type(event) for event in events]
    assert kinds[0] is TrainingStarted
    assert kinds[1] is ColumnsLeftOut
    assert kinds[-2:] == [EnsembleChosen, TrainingFinished]
    finished = [event for event in events if isinstance(event, MemberFinished)]
    assert len(finished[0].leaderboard) == 1
    assert len(finished[-1].leaderboard) == len(model.leaderboard)
    started = events[0]
    assert isinstance(started, TrainingStarted)
    assert started.task_reason == "'repaid' has two values"


def test_pandas_and_arrow_tables_are_read_like_polars(model: Any) -> None:
    new = loans(20, seed=7)
    expected = model.predict_proba(new)
    assert np.array_equal(model.predict_proba(new.to_pandas()), expected)
    assert np.array_equal(model.predict_proba(new.to_arrow()), expected)


def test_a_pandas_column_of_several_types_is_left_out_and_the_rest_learned_from() -> None:
    table = loans(120).to_pandas()
    table["odd"] = pd.Series([1, "two", 3.5, None] * 30, dtype=object)
    fitted = fit(table, target="repaid", time_limit_seconds=1.5)
    assert fitted.columns_left_out == {"odd": "it mixes values of several types"}


def test_a_column_known_only_afterwards_raises_a_leakage_warning() -> None:
    rng = np.random.default_rng(3)
    table = loans(600)
    owed = (table["repaid"] == "no").to_numpy() * 100.0 + rng.normal(size=600) * 25
    told: list[TrainingEvent] = []
    fitted = fit(table.with_columns(owed=owed), target="repaid", time_limit_seconds=6, on_event=told.append)
    (warning,) = fitted.leakage_warnings
    assert warning.column == "owed"
    assert warning.alone_score > 0.9
    assert warning.score_without is not None
    assert warning.score_without < fitted.validation_score - 0.05
    assert "owed" in {c.name for c in fitted.signature.inputs}
    assert any(isinstance(event, LeakageSuspected) for event in told)


def test_honest_columns_raise_no_leakage_warning(model: Any) -> None:
    assert model.leakage_warnings == ()


@pytest.mark.deep
def test_a_leaking_column_of_a_regression_is_found_too() -> None:
    rng = np.random.default_rng(1)
    price = rng.lognormal(5, 0.4, 500)
    table = pl.DataFrame({"price": price, "price_with_tax": price * 1.2, "size": price / 3 + rng.normal(size=500) * 40})
    fitted = fit(table, target="price", time_limit_seconds=4)
    assert [w.column for w in fitted.leakage_warnings] == ["price_with_tax"]
    assert fitted.validation_score < fitted.baseline_score / 3


@pytest.mark.deep
def test_the_same_seed_gives_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portfolio, "_RANDOM_CANDIDATES", 2)
    new = loans(200, seed=8)
    first, second = (fit(loans(100), target="repaid", time_limit_seconds=120, threads=2, seed=4) for _ in range(2))
    assert np.array_equal(first.predict_proba(new), second.predict_proba(new))
    assert {r.member: r.score for r in first.leaderboard} == {r.member: r.score for r in second.leaderboard}


def test_a_member_that_fails_is_noted_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no such device\nwith details")

    monkeypatch.setattr(CatBoostMember, "fit", refuse)
    fitted = fit(loans(), target="repaid", time_limit_seconds=2)
    assert "CatBoost default could not be fitted: no such device" in fitted.findings.notes
    assert "CatBoost" not in {row.family for row in fitted.leaderboard}


def test_without_time_for_a_last_fit_the_first_fold_stands_in_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "_REFIT_OVER_FOLD", 1e9)
    fitted = fit(loans(), target="repaid", time_limit_seconds=3)
    served = [row for row in fitted.leaderboard if row.weight]
    assert all(row.note.startswith("fitted on the first fold's rows only") for row in served)
    assert fitted.score(loans(1000, seed=5)) > 0.7
    assert fitted.export_onnx(tmp_path / "model.onnx").parity.within_tolerance


def wide(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 30))
    y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=rows) > 0
    return pl.DataFrame({**{f"x{i}": x[:, i] for i in range(30)}, "kind": rng.choice(list("abcdef"), rows), "y": y})


@pytest.mark.parametrize("rows", [5000, pytest.param(45_000, marks=pytest.mark.deep)])
def test_the_time_limit_is_kept_within_a_tenth(rows: int) -> None:
    table = wide(rows)
    started = time.monotonic()
    fitted = fit(table, target="y", time_limit_seconds=6)
    assert time.monotonic() - started < 6.6
    assert fitted.score(wide(500)) > 0.6


@pytest.mark.parametrize("after_seconds", [0.3, 2.0])
def test_a_cancelled_training_ends_in_under_a_second(after_seconds: float) -> None:
    table = wide(20_000)
    stop_at = time.monotonic() + after_seconds
    with pytest.raises(TrainingCancelled):
        fit(table, target="y", time_limit_seconds=60, should_stop=lambda: time.monotonic() > stop_at)
    assert time.monotonic() - stop_at < 1.0


def test_an_interrupt_does_not_wait_for_running_fits() -> None:
    told_at: list[float] = []

    def interrupt(event: TrainingEvent) -> None:
        if isinstance(event, MemberFinished):
            told_at.append(time.monotonic())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(wide(4000), target="y", time_limit_seconds=60, on_event=interrupt)
    assert time.monotonic() - told_at[0] < 1.0


@pytest.mark.parametrize(
    "table,said",
    [
        (lambda: loans().head(0), "the table has no rows"),
        (lambda: loans().select("repaid"), "the table has no column beside the target 'repaid'; add columns"),
        (lambda: loans().select("repaid", one=pl.lit(1)), "one: the same value in every row"),
        (lambda: loans().select("repaid", one=pl.lit(1.5)), "one: the same value in every row"),
        (lambda: loans().select("repaid", none=pl.lit(float("nan"))), "none: all values are missing"),
        (object, "the table cannot be read as columns of one type each"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_in_a_sentence(table: Callable[[], object], said: str) -> None:
    with pytest.raises(TableUnusable, match=said):
        fit(table(), target="repaid", time_limit_seconds=2)


def test_a_metric_that_does_not_fit_the_task_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="choose one of accuracy, log_loss, roc_auc"):
        fit(loans(), target="repaid", metric="rmse")
