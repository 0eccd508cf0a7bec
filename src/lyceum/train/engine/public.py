"""Train on a table, with no server around it; `lyceum.fit` is this `fit`."""

from lyceum.train.engine.errors import NotExportable, TableUnusable, TargetUnusable, TrainingCancelled
from lyceum.train.engine.events import (
    ColumnsLeftOut,
    EnsembleChosen,
    LeaderboardRow,
    LeakageSuspected,
    LeakageWarning,
    MemberFinished,
    Metric,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
)
from lyceum.train.engine.export.exporting import ExportReport
from lyceum.train.engine.fit import fit
from lyceum.train.engine.fitted import Findings, FittedModel
from lyceum.train.engine.metrics import metric_for, score
from lyceum.train.engine.target import Target, read_target

__all__ = [
    "ColumnsLeftOut",
    "EnsembleChosen",
    "ExportReport",
    "Findings",
    "FittedModel",
    "LeaderboardRow",
    "LeakageSuspected",
    "LeakageWarning",
    "MemberFinished",
    "Metric",
    "NotExportable",
    "TableUnusable",
    "Target",
    "TargetUnusable",
    "TrainingCancelled",
    "TrainingEvent",
    "TrainingFinished",
    "TrainingStarted",
    "fit",
    "metric_for",
    "read_target",
    "score",
]
