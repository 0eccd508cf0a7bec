"""Tables that grow by rows: what a process that computes has of them, with no database and no web framework.

What computes stands in `engine.py`, which takes seconds to import: the functions here import it where they are called.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.data.datasets.appends.tables.log import places_in_commit
from lyceum.data.datasets.appends.tables.work import (
    APPENDED_FORMATS,
    AppendedTable,
    AppendTarget,
    BaseVersion,
    Places,
)
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.work import AcceptedTable
from lyceum.data.datasets.workplaces import workplace
from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import polars as pl


def append_to_table(
    storage: Storage, target: AppendTarget, rows: "pl.LazyFrame", folder: Path, *, places: Places | None = None
) -> AcceptedTable:
    """Commit rows behind the version they follow, as `engine.append_rows` does."""
    from lyceum.data.datasets.appends.tables.engine import append_rows

    return append_rows(table_store(storage), target, rows, folder, places=places)


def commit_to_table(storage: Storage, target: AppendTarget, files: Sequence[Path]) -> AcceptedTable:
    """Commit local files behind the version they follow, as `engine.commit_files` does."""
    from lyceum.data.datasets.appends.tables.engine import commit_files

    return commit_files(table_store(storage), target, files)


__all__ = [
    "APPENDED_FORMATS",
    "AppendTarget",
    "AppendedTable",
    "BaseVersion",
    "Places",
    "append_to_table",
    "commit_to_table",
    "places_in_commit",
    "workplace",
]
