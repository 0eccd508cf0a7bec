"""Commits behind whatever is the newest version of a table, which others commit to as well."""

from collections.abc import Callable

from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import TableChanged, newest_version

COMMIT_ATTEMPTS_MAX = 20


def on_newest(store: TableStore, table: str, attempt: Callable[[int | None], int]) -> int:
    """Return what an attempt commits behind the newest version, which is another one where somebody else was first.

    For what does not depend on the rows of that version, or where the database says in the end whether it is the latest.
    """
    for _ in range(COMMIT_ATTEMPTS_MAX):
        try:
            return attempt(newest_version(store, table))
        except TableChanged:
            continue
    raise RuntimeError(f"{COMMIT_ATTEMPTS_MAX} other versions were committed first, one after the other")
