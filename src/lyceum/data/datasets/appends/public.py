"""Versions that append rows to the one before: the door of this package.

What computes stands in `engine.py`, which takes seconds to import: the functions here import it where they are called, in
a process of its own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.appends.log import places_in_commit
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
from lyceum.data.datasets.appends.work import APPENDED_FORMATS, AppendedTable, AppendTarget, BaseVersion, Places
from lyceum.data.datasets.judges import VersionJudge, questions_to
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.versions import VersionFollower
from lyceum.data.datasets.work import AcceptedTable
from lyceum.data.datasets.workplaces import workplace
from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import polars as pl


def append_to_table(
    storage: Storage, target: AppendTarget, rows: "pl.LazyFrame", folder: Path, *, places: Places | None = None
) -> AcceptedTable:
    """Commit rows behind the version they follow, as `engine.append_rows` does."""
    from lyceum.data.datasets.appends.engine import append_rows

    return append_rows(table_store(storage), target, rows, folder, places=places)


def commit_to_table(storage: Storage, target: AppendTarget, files: Sequence[Path]) -> AcceptedTable:
    """Commit local files behind the version they follow, as `engine.commit_files` does."""
    from lyceum.data.datasets.appends.engine import commit_files

    return commit_files(table_store(storage), target, files)


__all__ = [
    "APPENDED_FORMATS",
    "AcceptedTable",
    "AppendTarget",
    "AppendedTable",
    "BaseVersion",
    "Places",
    "VersionFollower",
    "VersionJudge",
    "accept_appended",
    "append_to_table",
    "begin_appended",
    "commit_to_table",
    "drop_pending",
    "give_job",
    "is_overtaken",
    "is_there",
    "latest_of",
    "lock_dataset",
    "pending_operation",
    "places_in_commit",
    "questions_to",
    "reject_appended",
    "state_of_version",
    "table_key",
    "workplace",
]
