"""Versions that append rows to the one before, as the database has them: the door of this package."""

from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.appends.service import (
    accept_appended,
    begin_appended,
    drop_pending,
    give_job,
    is_overtaken,
    is_there,
    latest_of,
    lock_dataset,
    pending_operation,
    reject_appended,
    state_of_version,
)
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.versions import VersionFollower

__all__ = [
    "VersionFollower",
    "VersionJudge",
    "accept_appended",
    "begin_appended",
    "drop_pending",
    "give_job",
    "is_overtaken",
    "is_there",
    "latest_of",
    "lock_dataset",
    "pending_operation",
    "questions_to",
    "reject_appended",
    "state_of_version",
    "table_key",
]
