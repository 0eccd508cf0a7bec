"""The door of training runs."""

from lyceum.train.runs.consuming import runs_on, versions_learned_from
from lyceum.train.runs.erasing import ERASER
from lyceum.train.runs.forgetting import forget_in_runs
from lyceum.train.runs.queries import GRANTABLE

__all__ = ["ERASER", "GRANTABLE", "forget_in_runs", "runs_on", "versions_learned_from"]
