"""The first rows of a version, for people to look at."""

import asyncio
from typing import Any

from lyceum.data.datasets.queries import VersionTable
from lyceum.data.datasets.rows.public import scan_table
from lyceum.data.datasets.schemas import Preview
from lyceum.kernel.storage import Storage


async def preview_rows(storage: Storage, table: VersionTable, *, limit: int) -> Preview:
    """Return the first `limit` rows, read in a thread."""
    return await asyncio.to_thread(_preview, storage, table, limit)


def _preview(storage: Storage, table: VersionTable, limit: int) -> Preview:
    frame = scan_table(storage, table.table_key, table.delta_version).head(limit).collect()
    return Preview(columns=frame.columns, rows=[[_shown(value) for value in row] for row in frame.iter_rows()])


def _shown(value: Any) -> Any:
    # NaN and infinity have no JSON; a preview shows them as the words people know.
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124 NaN
        return str(value)
    return value
