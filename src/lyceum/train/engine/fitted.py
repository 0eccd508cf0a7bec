"""A fitted model: predicts natively, scores itself, exports itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from lyceum.serve.runtime.public import (
    Answers,
    Label,
    Outcome,
    Signature,
    Task,
    TypedFrame,
    as_polars,
    read_frame,
    signature_of,
)
from lyceum.train.engine.ensemble import Ensemble, Selection
from lyceum.train.engine.events import LeaderboardRow, LeakageWarning, Metric
from lyceum.train.engine.export.exporting import ExportReport, export
from lyceum.train.engine.metrics import score
from lyceum.train.engine.target import truth_of


@dataclass(frozen=True, slots=True)
class Findings:
    """What the training found out beside the model itself."""

    task_reason: str
    notes: tuple[str, ...]
    columns_left_out: Mapping[str, str]
    leakage_warnings: tuple[LeakageWarning, ...]
    importances: Mapping[str, float]
    validation_score: float
    baseline_score: float
    fit_seconds: float


@dataclass(slots=True)
class FittedModel:
    """The chosen ensemble. Frames may be Polars, pandas or anything with an Arrow export.

    `leaderboard` is best first; `findings` and the properties below say what was found on the way.
    """

    metric: Metric
    leaderboard: tuple[LeaderboardRow, ...]
    findings: Findings
    ensemble: Ensemble = field(repr=False)
    selection: Selection = field(repr=False)
    sample: TypedFrame = field(repr=False)
    served: Ensemble | None = field(default=None, repr=False)

    @property
    def outcome(self) -> Outcome:
        """Target, task and classes."""
        return self.ensemble.outcome

    @property
    def task(self) -> Task:
        """Binary, multiclass or regression."""
        return self.outcome.task

    @property
    def classes(self) -> tuple[Label, ...]:
        """The classes in the order of the probabilities, in their original type; empty for regression."""
        return self.outcome.classes

    @property
    def columns_left_out(self) -> Mapping[str, str]:
        """Columns not learned from, each with the reason in a sentence."""
        return self.findings.columns_left_out

    @property
    def leakage_warnings(self) -> tuple[LeakageWarning, ...]:
        """Columns that alone nearly decide the target."""
        return self.findings.leakage_warnings

    @property
    def importances(self) -> Mapping[str, float]:
        """Loss of score on held-out rows when a column is shuffled, most important first."""
        return self.findings.importances

    @property
    def validation_score(self) -> float:
        """The ensemble's out-of-fold score, each row with weights and rounds that were chosen on other rows."""
        return self.findings.validation_score

    @property
    def baseline_score(self) -> float:
        """The score of guessing: the class shares, or the mean."""
        return self.findings.baseline_score

    @property
    def signature(self) -> Signature:
        """Inputs and output of the model."""
        return signature_of(self.ensemble.encoder.prestep, self.outcome)

    def predict(self, table: object) -> npt.NDArray[Any]:
        """Labels in their original type, or values, one a row; raises BadValue for a value of the wrong type."""
        answers = self.answers(table)
        predicted = answers.values if answers.labels is None else answers.labels
        return np.empty(0) if predicted is None else predicted

    def predict_proba(self, table: object) -> npt.NDArray[np.float64]:
        """Probabilities [rows, classes]; raises TypeError for regression."""
        if self.task == "regression":
            raise TypeError("a regression model has no probabilities; use predict")
        return self.ensemble.scores(self._typed(table))

    def answers(self, table: object) -> Answers:
        """Labels and probabilities, or values, to compare with a served model's."""
        return self.ensemble.answers(self._typed(table))

    def served_answers(self, table: object) -> Answers:
        """Native answers of the members that were exported, to compare with the exported file's.

        Before an export, all members' answers.
        """
        return (self.served or self.ensemble).answers(self._typed(table))

    def truth(self, table: object) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Class positions [rows] or numbers [rows] of the target, and which rows have one; raises ValueError without it."""
        frame = as_polars(table)
        if self.outcome.target not in frame.columns:
            raise ValueError(f"the table has no column {self.outcome.target!r} to compare with")
        return truth_of(frame.get_column(self.outcome.target), self.outcome)

    def score_of(self, answers: Answers, table: object) -> float:
        """The metric of somebody's answers for the rows of the table that have the target, such as a served model's."""
        truth, known = self.truth(table)
        if not known.any():
            raise ValueError(f"no row has a known value in {self.outcome.target!r}")
        scores = answers.values if answers.probabilities is None else answers.probabilities
        if scores is None:
            raise ValueError("the answers hold neither probabilities nor values")
        columns = np.asarray(scores, dtype=np.float64).reshape(len(truth), -1)
        return score(self.metric, truth[known], columns[known])

    def score(self, table: object) -> float:
        """The metric on rows that have the target; rows without it, or with a class never seen, are left out.

        Raises ValueError when the target is not in the table or no row can be scored.
        """
        frame = as_polars(table)
        name = self.outcome.target
        if name not in frame.columns:
            raise ValueError(f"the table has no column {name!r} to compare with")
        truth, known = truth_of(frame.get_column(name), self.outcome)
        if not known.any():
            raise ValueError(f"no row has a known value in {name!r}")
        return score(self.metric, truth[known], self.ensemble.scores(self._typed(frame.filter(pl.Series(known)))))

    def export_onnx(self, path: str | Path) -> ExportReport:
        """Write the ensemble as one ONNX file and compare it with the native answers; the leaderboard is marked.

        Raises NotExportable when no member gives the same answers in ONNX.
        """
        report, self.served = export(self.ensemble, self.selection, self.sample, Path(path))
        kept = report.weights
        self.leaderboard = tuple(
            replace(row, exported=row.member in kept, note=report.members_dropped.get(row.member, row.note))
            if row.weight > 0
            else row
            for row in self.leaderboard
        )
        return report

    def _typed(self, table: object) -> TypedFrame:
        return read_frame(as_polars(table), self.ensemble.encoder.prestep)
