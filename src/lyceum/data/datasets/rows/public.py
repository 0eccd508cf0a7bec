"""The rows of accepted versions, and what was staged for others, wherever the hub keeps its files.

Computing processes import this, and have no database: nothing here reads one.
"""

import asyncio
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import obstore

from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import polars as pl

    from lyceum.data.datasets.table_store import TableStore


# Polars and Delta take seconds to import, which the API's start does without and its loop must not wait for: the
# functions below that need them import them, in the thread or process that runs them.


def table_store(storage: Storage) -> "TableStore":
    """Return the place of all tables: the hub's own storage."""
    return _table_store(storage.url, tuple(sorted(storage.options.items())))


@lru_cache(maxsize=4)
def _table_store(url: str, options: tuple[tuple[str, str], ...]) -> "TableStore":
    from lyceum.data.datasets.table_store import TableStore

    return TableStore(url, dict(options))


def scan_table(storage: Storage, table_key: str, delta_version: int) -> "pl.LazyFrame":
    """Return the rows of a Delta version, not yet read, in the order they were committed."""
    from lyceum.data.datasets.tables import scan_version

    return scan_version(table_store(storage), table_key, delta_version)


async def sweep_staging(storage: Storage, *, older_than_seconds: float) -> int:
    """Remove staged data nothing was added to for so long, in a thread; return the number of operations."""
    async for batch in obstore.list(storage.store, "staging/", chunk_size=1):
        if batch:
            return await asyncio.to_thread(_sweep_staging, storage, older_than_seconds)
    return 0


def _sweep_staging(storage: Storage, older_than_seconds: float) -> int:
    from lyceum.data.datasets.tables import discard_staged, orphaned_staging

    store = table_store(storage)
    stale = orphaned_staging(store, older_than=timedelta(seconds=older_than_seconds))
    for orphan in stale:
        discard_staged(store, orphan.path)
    return len(stale)
