"""The door of lineage: whoever has a dataset filled says what with."""

from lyceum.data.lineage.logs import PredictionLog, PredictionLogsOf

__all__ = ["PredictionLog", "PredictionLogsOf"]
