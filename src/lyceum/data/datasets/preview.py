"""The first rows of a version, for people to look at."""

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.rows.public import scan_table
from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import polars as pl

CELL_CHARS_MAX = 200
CELLS_MAX = 50_000


async def preview_json(storage: Storage, table: VersionTable, *, limit: int) -> bytes:
    """Return the first rows as the JSON of a `Preview`, read and written in a thread.

    There are `limit` of them, or as many as have `CELLS_MAX` cells; long texts are cut.
    """
    return await asyncio.to_thread(_preview, storage, table, limit)


def _preview(storage: Storage, table: VersionTable, limit: int) -> bytes:
    rows = scan_table(storage, table.table_key, table.delta_version, marks=table.marks)
    width = len(rows.collect_schema())
    frame = rows.head(min(limit, max(1, CELLS_MAX // width))).with_columns(cut_texts()).collect()
    return orjson.dumps({"columns": frame.columns, "rows": shown_rows(frame)}, option=orjson.OPT_UTC_Z)


def cut_texts() -> "pl.Expr":
    """Return what cuts long texts; they are cut before rows are held together, for one may have a million characters."""
    import polars as pl
    import polars.selectors as cs

    return (
        pl.when(cs.string().str.len_chars() > CELL_CHARS_MAX)
        .then(cs.string().str.head(CELL_CHARS_MAX - 1) + "…")
        .otherwise(cs.string())
        .name.keep()
    )


def shown_rows(frame: "pl.DataFrame") -> list[list[Any]]:
    """Return rows as lists of values that JSON can hold."""
    return [[_shown(value) for value in row] for row in frame.iter_rows()]


def _shown(value: Any) -> Any:
    # NaN and infinity have no JSON; a preview shows them as the words people know.
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124 NaN
        return str(value)
    return value
