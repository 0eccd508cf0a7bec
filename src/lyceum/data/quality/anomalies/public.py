"""What is odd in a dataset's metrics over time and among its rows, with no database: the door of this package."""

from lyceum.data.quality.anomalies.fusion import tuned
from lyceum.data.quality.anomalies.measures import BatchMemory, measure, remember, without_columns
from lyceum.data.quality.anomalies.rows import Contribution, OddRow, RowForest, odd_rows
from lyceum.data.quality.anomalies.sequence import TorchMissing, is_available
from lyceum.data.quality.anomalies.states import (
    NETWORK,
    Answer,
    Finding,
    Mark,
    MetricWatch,
    Observation,
    Standing,
    StateUnreadable,
    Verdict,
    WatchOptions,
    decoded,
    encoded,
)
from lyceum.data.quality.anomalies.watch import (
    ChartPoint,
    Judge,
    OutOfOrder,
    answered,
    begun,
    chart,
    observe,
    replay,
    threshold_of,
    with_threshold,
)

__all__ = [
    "NETWORK",
    "Answer",
    "BatchMemory",
    "ChartPoint",
    "Contribution",
    "Finding",
    "Judge",
    "Mark",
    "MetricWatch",
    "Observation",
    "OddRow",
    "OutOfOrder",
    "RowForest",
    "Standing",
    "StateUnreadable",
    "TorchMissing",
    "Verdict",
    "WatchOptions",
    "answered",
    "begun",
    "chart",
    "decoded",
    "encoded",
    "is_available",
    "measure",
    "observe",
    "odd_rows",
    "remember",
    "replay",
    "threshold_of",
    "tuned",
    "with_threshold",
    "without_columns",
]
