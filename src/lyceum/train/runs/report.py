"""What a finished run tells: scores, curves and examples of the served model on rows it never saw."""

from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_recall_curve,
    r2_score,
    roc_auc_score,
    roc_curve,
    root_mean_squared_error,
)

from lyceum.serve.runtime.public import Answers, OnnxModel, compare, label_text, within_calendar
from lyceum.train.engine.public import ExportReport, FittedModel, LeaderboardRow, LeakageWarning
from lyceum.train.runs.holdout import Split

CURVE_POINTS_MAX = 200
SCATTER_POINTS_MAX = 400
SAMPLE_ROWS = 20
CALIBRATION_BINS = 10
CONFUSION_CLASSES_MAX = 20
RESIDUAL_BINS = 30

Floats = npt.NDArray[np.float64]


def report_of(model: FittedModel, exported: ExportReport, served: OnnxModel, split: Split) -> dict[str, Any]:
    """Return the report as plain JSON values; every score is the served file's on the held-out rows."""
    answers = served.predict_frame(split.held_out)
    parity = compare(model.served_answers(split.held_out), answers, tolerance=exported.parity.tolerance)
    report = {
        "target": model.outcome.target,
        "task": model.task,
        "metric": model.metric.name,
        "greater_is_better": model.metric.greater_is_better,
        "score": model.score_of(answers, split.held_out),
        "baseline": _baseline(model, split),
        "validation_score": model.validation_score,
        "training_rows": split.training.height,
        "holdout_rows": split.held_out.height,
        "classes": [label_text(label) for label in model.classes],
        "fit_seconds": model.findings.fit_seconds,
        "leaderboard": [member_facts(row) for row in model.leaderboard],
        "importances": [{"column": name, "importance": value} for name, value in model.importances.items()],
        "columns_left_out": dict(model.columns_left_out),
        "notes": [*model.findings.notes, *_notes_on_held_out(model, split.held_out)],
        "leakage_warnings": [_leakage(warning, model.metric.name) for warning in model.leakage_warnings],
        "parity": parity,
        "export": {
            "file_bytes": exported.file_bytes,
            "export_seconds": exported.export_seconds,
            "members_dropped": dict(exported.members_dropped),
        },
        "sample_rows": _sample_rows(split.held_out, model.outcome.target),
        **_plots(model, answers, split.held_out),
    }
    return msgspec.to_builtins(report)  # type: ignore[no-any-return]  # a dict in, a dict out


def _baseline(model: FittedModel, split: Split) -> float:
    """The score of guessing the training rows' mean or class shares for every held-out row."""
    truth, known = model.truth(split.training)
    rows = split.held_out.height
    if model.task == "regression":
        return model.score_of(Answers(values=np.full(rows, truth[known].mean())), split.held_out)
    shares = np.bincount(truth[known], minlength=len(model.classes)) / known.sum()
    return model.score_of(Answers(probabilities=np.tile(shares, (rows, 1))), split.held_out)


def member_facts(row: LeaderboardRow) -> dict[str, Any]:
    """Return a row of the leaderboard as it is stored and sent."""
    facts = asdict(row)
    facts["name"] = facts.pop("member")
    return facts


def _leakage(warning: LeakageWarning, metric: str) -> dict[str, Any]:
    without = (
        "" if warning.score_without is None else f"; without it the whole model reaches {warning.score_without:.4g}"
    )
    sentence = (
        f"{warning.column} alone reaches {metric} {warning.alone_score:.4g}{without}. "
        "Is it known before the target is? If not, leave it out."
    )
    return {
        "column": warning.column,
        "alone_score": warning.alone_score,
        "score_without": warning.score_without,
        "sentence": sentence,
    }


def _notes_on_held_out(model: FittedModel, held_out: pl.DataFrame) -> list[str]:
    if model.task == "regression" or held_out.get_column(model.outcome.target).n_unique() > 1:
        return []
    return [f"all {held_out.height} held-out rows are of one class, so the score on them says little"]


def _sample_rows(held_out: pl.DataFrame, target: str) -> list[dict[str, Any]]:
    # a moment that Python has no date for is missing to the model too
    columns = [
        within_calendar(c) if isinstance(c.dtype, pl.Date | pl.Datetime) else c for c in held_out.head(SAMPLE_ROWS)
    ]
    rows = pl.DataFrame(columns).iter_rows(named=True)
    return [{"row": {k: v for k, v in row.items() if k != target}, "truth": row[target]} for row in rows]


def _plots(model: FittedModel, answers: Answers, held_out: pl.DataFrame) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(
        ("roc", "precision_recall", "calibration", "confusion", "predicted_vs_true", "residuals")
    )
    truth, known = model.truth(held_out)
    if model.task == "regression":
        if answers.values is None:
            raise AssertionError("a regression answers with values")
        return nothing | _regression(truth[known], answers.values[known].astype(np.float64))
    if answers.probabilities is None:
        raise AssertionError("a classification answers with probabilities")
    probabilities = answers.probabilities[known].astype(np.float64)
    labels = [label_text(label) for label in model.classes]
    return nothing | _classification(truth[known].astype(np.int64), probabilities, labels)


def _classification(truth: npt.NDArray[np.int64], probabilities: Floats, labels: list[str]) -> dict[str, Any]:
    predicted = probabilities.argmax(axis=1)
    positions = list(range(len(labels)))
    clipped = np.clip(probabilities / probabilities.sum(axis=1, keepdims=True), 1e-15, 1.0)
    metrics = {
        "accuracy": float(accuracy_score(truth, predicted)),
        "log_loss": float(log_loss(truth, clipped, labels=positions)),
        "f1_macro": float(f1_score(truth, predicted, average="macro", zero_division=0.0)),
    }
    plots: dict[str, Any] = {}
    if len(labels) <= CONFUSION_CLASSES_MAX:
        counts = confusion_matrix(truth, predicted, labels=positions)
        plots["confusion"] = {"labels": labels, "counts": counts.tolist()}
    if len(labels) == 2 and len(np.unique(truth)) == 2:
        positive = probabilities[:, 1]
        metrics |= {
            "roc_auc": float(roc_auc_score(truth, positive)),
            "average_precision": float(average_precision_score(truth, positive)),
            "brier": float(brier_score_loss(truth, np.clip(positive, 0.0, 1.0))),
        }
        plots |= _binary_curves(truth, positive)
    return {"metrics": metrics, **plots}


def _binary_curves(truth: npt.NDArray[np.int64], positive: Floats) -> dict[str, Any]:
    fpr, tpr, _ = roc_curve(truth, positive)
    precision, recall, _ = precision_recall_curve(truth, positive)
    edges = np.unique(np.quantile(positive, np.linspace(0, 1, CALIBRATION_BINS + 1)))
    bins = np.clip(np.searchsorted(edges, positive, side="right") - 1, 0, max(0, len(edges) - 2))
    filled = np.unique(bins)
    return {
        "roc": {"fpr": _thinned(fpr), "tpr": _thinned(tpr)},
        "precision_recall": {"recall": _thinned(recall), "precision": _thinned(precision)},
        "calibration": {
            "predicted": [float(positive[bins == b].mean()) for b in filled],
            "observed": [float(truth[bins == b].mean()) for b in filled],
            "rows": [int((bins == b).sum()) for b in filled],
        },
    }


def _regression(truth: Floats, predicted: Floats) -> dict[str, Any]:
    residuals = predicted - truth
    counts, edges = np.histogram(residuals, bins=RESIDUAL_BINS)
    places = np.linspace(0, len(truth) - 1, min(len(truth), SCATTER_POINTS_MAX)).astype(int)
    return {
        "metrics": {
            "rmse": float(root_mean_squared_error(truth, predicted)),
            "mae": float(mean_absolute_error(truth, predicted)),
            "r2": float(r2_score(truth, predicted)) if len(truth) > 1 else 0.0,
        },
        "predicted_vs_true": {"true": truth[places].tolist(), "predicted": predicted[places].tolist()},
        "residuals": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _thinned(values: Floats) -> list[float]:
    """Keep the ends and an even choice between, so that a curve of a million thresholds stays a small document."""
    places = np.linspace(0, len(values) - 1, min(len(values), CURVE_POINTS_MAX)).round().astype(int)
    kept: list[float] = values[places].tolist()
    return kept
