"""Versions made of rows of other datasets: the door of this package."""

from lyceum.data.datasets.accepting import accept_read, tell_progress
from lyceum.data.datasets.judges import VersionJudge
from lyceum.data.datasets.making.beginning import begin_made, intake_of, reject_made
from lyceum.data.datasets.versions import VersionFollower

__all__ = [
    "VersionFollower",
    "VersionJudge",
    "accept_read",
    "begin_made",
    "intake_of",
    "reject_made",
    "tell_progress",
]
