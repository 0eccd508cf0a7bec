"""What a run's report tells of the served file's answers on the rows that were held out, by kind of target."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lyceum.serve.runtime.public import Answers, OnnxModel
from lyceum.train.engine.public import fit
from lyceum.train.runs.holdout import hold_out
from lyceum.train.runs.report import (
    CONFUSION_CLASSES_MAX,
    CURVE_POINTS_MAX,
    RESIDUAL_BINS,
    SAMPLE_ROWS,
    SCATTER_POINTS_MAX,
    report_of,
)

CURVES = {"roc", "precision_recall", "calibration"}
OF_NUMBERS = {"predicted_vs_true", "residuals"}


@dataclass(frozen=True, slots=True)
class Reported:
    """A report, the rows it is about, and the served file's answers for them."""

    report: dict[str, Any]
    held_out: pl.DataFrame
    answers: Answers

    @property
    def truth(self) -> list[Any]:
        return self.held_out["y"].to_list()

    @property
    def predicted(self) -> list[str]:
        assert self.answers.probabilities is not None
        return [self.report["classes"][place] for place in self.answers.probabilities.argmax(axis=1)]

    @property
    def absent(self) -> set[str]:
        return {name for name in CURVES | OF_NUMBERS | {"confusion"} if self.report[name] is None}


def reported(y: list[Any], x: list[float], folder: Path) -> Reported:
    split = hold_out(
        pl.DataFrame({"x": x, "other": [place % 7 for place in range(len(y))], "y": y}), target="y", seed=0
    )
    model = fit(split.training, target="y", time_limit_seconds=1)
    exported = model.export_onnx(folder / "model.onnx")
    served = OnnxModel.load(exported.path)
    return Reported(report_of(model, exported, served, split), split.held_out, served.predict_frame(split.held_out))


@pytest.fixture(scope="module")
def of_amounts(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    rng = np.random.default_rng(1)
    x = rng.normal(size=2500)
    return reported((x * 3 + rng.normal(size=2500)).tolist(), x.tolist(), tmp_path_factory.mktemp("amounts"))


@pytest.fixture(scope="module")
def of_three_classes(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 3, size=300)
    y = ["abc"[min(2, int(value + rng.normal(scale=0.3)) % 3)] for value in x]
    return reported(y, x.tolist(), tmp_path_factory.mktemp("classes"))


@pytest.fixture(scope="module")
def of_two_classes(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    rng = np.random.default_rng(3)
    x = rng.normal(size=1500)
    y = ["yes" if value + rng.normal() > 0 else "no" for value in x]
    return reported(y, x.tolist(), tmp_path_factory.mktemp("two"))


def test_amounts_are_scored_by_how_far_the_answers_are_off(of_amounts: Reported) -> None:
    report, truth = of_amounts.report, np.array(of_amounts.truth)
    assert (report["task"], report["metric"], report["greater_is_better"]) == ("regression", "rmse", False)
    assert of_amounts.answers.values is not None
    off = of_amounts.answers.values - truth
    metrics = report["metrics"]
    assert set(metrics) == {"rmse", "mae", "r2"}
    assert metrics["rmse"] == report["score"] == pytest.approx(math.sqrt((off**2).mean()))
    assert metrics["mae"] == pytest.approx(np.abs(off).mean())
    assert metrics["r2"] == pytest.approx(1 - (off**2).sum() / ((truth - truth.mean()) ** 2).sum())


def test_amounts_are_drawn_as_predicted_beside_true_and_as_how_far_off(of_amounts: Reported) -> None:
    report, truth = of_amounts.report, of_amounts.truth
    assert of_amounts.absent == CURVES | {"confusion"}
    assert report["classes"] == []
    residuals, pairs = report["residuals"], report["predicted_vs_true"]
    assert sum(residuals["counts"]) == report["holdout_rows"] == len(truth) == 500
    assert (len(residuals["counts"]), len(residuals["edges"])) == (RESIDUAL_BINS, RESIDUAL_BINS + 1)
    assert len(pairs["true"]) == len(pairs["predicted"]) == SCATTER_POINTS_MAX
    assert (pairs["true"][0], pairs["true"][-1]) == (truth[0], truth[-1])
    assert of_amounts.answers.values is not None
    assert pairs["predicted"][-1] == pytest.approx(of_amounts.answers.values[-1])


def test_several_classes_are_scored_and_counted_against_each_other(of_three_classes: Reported) -> None:
    report, truth, predicted = of_three_classes.report, of_three_classes.truth, of_three_classes.predicted
    assert (report["task"], report["classes"]) == ("multiclass", ["a", "b", "c"])
    assert of_three_classes.absent == CURVES | OF_NUMBERS
    assert set(report["metrics"]) == {"accuracy", "log_loss", "f1_macro"}
    right = sum(a == b for a, b in zip(truth, predicted, strict=True))
    assert report["metrics"]["accuracy"] == pytest.approx(right / len(truth))
    assert report["metrics"]["log_loss"] == pytest.approx(report["score"])
    assert report["confusion"]["labels"] == report["classes"]
    pairs = Counter(zip(truth, predicted, strict=True))
    assert report["confusion"]["counts"] == [[pairs[a, b] for b in "abc"] for a in "abc"]


def test_two_classes_have_curves_of_few_points_that_keep_their_ends(of_two_classes: Reported) -> None:
    report, truth = of_two_classes.report, of_two_classes.truth
    assert of_two_classes.absent == OF_NUMBERS
    assert set(report["metrics"]) == {"accuracy", "log_loss", "f1_macro", "roc_auc", "average_precision", "brier"}
    assert report["metrics"]["roc_auc"] == pytest.approx(report["score"])
    roc, precision_recall, calibration = (report[name] for name in ("roc", "precision_recall", "calibration"))
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0, 0, 1, 1)
    assert roc["tpr"] == sorted(roc["tpr"])
    assert of_two_classes.answers.probabilities is not None
    thresholds = len(np.unique(of_two_classes.answers.probabilities[:, 1]))
    assert (
        len(precision_recall["recall"]) == len(precision_recall["precision"]) == min(thresholds + 1, CURVE_POINTS_MAX)
    )
    assert (precision_recall["recall"][0], precision_recall["recall"][-1]) == (1, 0)
    assert sum(calibration["rows"]) == len(truth) == 300
    observed = sum(share * rows for share, rows in zip(calibration["observed"], calibration["rows"], strict=True))
    assert observed == pytest.approx(truth.count("yes"))
    assert calibration["predicted"] == sorted(calibration["predicted"])


def test_examples_are_held_out_rows_without_their_target_and_with_the_truth(of_three_classes: Reported) -> None:
    rows = of_three_classes.held_out.head(SAMPLE_ROWS).to_dicts()
    examples = [{"row": {"x": row["x"], "other": row["other"]}, "truth": row["y"]} for row in rows]
    assert of_three_classes.report["sample_rows"] == examples
    assert len(examples) == SAMPLE_ROWS


@pytest.mark.parametrize("reported_of", ["of_amounts", "of_three_classes", "of_two_classes"])
def test_the_members_their_weights_and_the_comparison_with_training_are_told(
    request: pytest.FixtureRequest, reported_of: str
) -> None:
    report = request.getfixturevalue(reported_of).report
    assert sum(row["weight"] for row in report["leaderboard"]) == pytest.approx(1)
    assert all(row["name"] and row["fit_seconds"] >= 0 for row in report["leaderboard"])
    assert report["parity"]["within_tolerance"]
    assert report["parity"]["rows"] == report["holdout_rows"]
    assert report["export"]["file_bytes"] > 0
    assert {entry["column"] for entry in report["importances"]} <= {"x", "other"}


def test_more_classes_than_a_table_can_show_are_not_counted_against_each_other(tmp_path: Path) -> None:
    classes = CONFUSION_CLASSES_MAX + 1
    y = [f"class {place % classes:02}" for place in range(classes * 12)]
    found = reported(y, [float(label[-2:]) for label in y], tmp_path)
    assert len(found.report["classes"]) == classes
    assert found.report["confusion"] is None
    assert found.report["metrics"]["accuracy"] > 0.5
