"""Rows of a version as a person asks for them: some of them, in an order, from a place on; in bounded time and memory.

The rows are found by reading only the columns that are asked about, with their places; then the few that are shown are read whole.
"""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import orjson

from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.errors import ColumnMasked, ColumnUnknown, FilterUnusable, SlicesBusy, SliceTooSlow
from lyceum.data.datasets.preview import CELLS_MAX, cut_texts, shown_rows
from lyceum.data.datasets.rows.public import scan_table
from lyceum.data.datasets.schemas import RowFilter, SliceWanted
from lyceum.kernel.storage import Storage

if TYPE_CHECKING:
    import polars as pl

SECONDS_MAX = 10.0
AT_ONCE = 2
"""In one process. One that takes too long is told so, but keeps its place until it has ended."""
ORDERED_BY_CHARS = 100
"""Of a text, by which it is ordered: as many are held for each row."""

_PLACES = threading.BoundedSemaphore(AT_ONCE)
_ASK_NO_VALUE = frozenset({"is_missing", "is_present"})


async def slice_json(storage: Storage, table: VersionTable, wanted: SliceWanted) -> bytes:
    """Return the rows that are asked for as the JSON of a `Slice`.

    What marked columns hold is masked. Raises `ColumnUnknown`, `ColumnMasked`, `FilterUnusable`, `SliceTooSlow` and
    `SlicesBusy`.
    """
    kinds = {column.name: column.type for column in table.table_schema.columns}
    _require_known(kinds, wanted)
    _refuse_masked(table, wanted)
    if not _PLACES.acquire(blocking=False):
        raise SlicesBusy("Others are looking through tables just now; try again in some seconds.")
    running = asyncio.get_running_loop().run_in_executor(None, _run, storage, table, wanted, kinds)
    running.add_done_callback(_forget)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            return await asyncio.shield(running)
    except TimeoutError:
        raise SliceTooSlow(
            f"Looking through the {table.row_count:,} rows took longer than {SECONDS_MAX:g} seconds; ask for less of them, "
            "or download the version."
        ) from None


def _forget(running: "asyncio.Future[bytes]") -> None:
    """Take note of how it ended, for whoever asked may be gone."""
    if not running.cancelled():
        running.exception()


def _require_known(kinds: dict[str, str], wanted: SliceWanted) -> None:
    asked = [one.column for one in wanted.filters] + ([wanted.order.column] if wanted.order else [])
    for name in asked:
        if name not in kinds:
            raise ColumnUnknown(f"This version has no column {name[:100]!r}.")


def _refuse_masked(table: VersionTable, wanted: SliceWanted) -> None:
    """Raise `ColumnMasked` for what would tell values by which rows are shown, and where; who has one may be asked."""
    asked = [one.column for one in wanted.filters if one.op not in _ASK_NO_VALUE]
    for name in asked + ([wanted.order.column] if wanted.order else []):
        if name in table.marks:
            raise ColumnMasked(
                f"{name[:100]!r} holds personal data and is masked, so rows cannot be filtered or ordered by it; ask for "
                "is_missing or is_present, or take another column."
            )


def _run(storage: Storage, table: VersionTable, wanted: SliceWanted, kinds: dict[str, str]) -> bytes:
    try:
        return _sliced(
            scan_table(storage, table.table_key, table.delta_version, marks=table.marks), table.row_count, wanted, kinds
        )
    finally:
        _PLACES.release()


def _sliced(rows: "pl.LazyFrame", row_count: int, wanted: SliceWanted, kinds: dict[str, str]) -> bytes:
    from lyceum.data.datasets.reading.public import free_name

    limit = min(wanted.limit, max(1, CELLS_MAX // max(1, len(kinds))))
    if not wanted.filters and wanted.order is None:
        frame, matching = rows.slice(wanted.offset, limit).with_columns(cut_texts()).collect(), row_count
        places = list(range(wanted.offset, wanted.offset + frame.height))
    else:
        place, key = free_name(kinds, "place"), free_name(kinds, "key")
        places, matching = _places(rows, wanted, kinds, limit, place=place, key=key)
        frame = _rows_at(rows, places, place=place, key=key)
    answer = {
        "columns": list(kinds),
        "rows": shown_rows(frame.select(list(kinds))),
        "places": [place + 1 for place in places],
        "matching": matching,
        "row_count": row_count,
    }
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


def _places(
    rows: "pl.LazyFrame", wanted: SliceWanted, kinds: dict[str, str], limit: int, *, place: str, key: str
) -> tuple[list[int], int]:
    """Return where the rows stand that are shown, counted from 0, in their order; and how many rows fit in all.

    `place` and `key` are names that no column of the table has.
    """
    import polars as pl

    fitting = rows.with_row_index(place)
    for one in wanted.filters:
        fitting = fitting.filter(_condition(one, kinds[one.column]))
    order = wanted.order
    if order is None:
        found = fitting.select(place).slice(wanted.offset, limit)
    else:
        value = pl.col(order.column)
        if kinds[order.column] == "string":
            value = value.str.head(ORDERED_BY_CHARS)
        elif kinds[order.column] == "float":
            value = value.fill_nan(None)
        found = (
            fitting.select(place, value.alias(key))
            .sort([key, place], descending=[order.descending, False], nulls_last=True)
            .slice(wanted.offset, limit)
            .select(place)
        )
    shown, counted = pl.collect_all([found, fitting.select(pl.len())], engine="streaming")
    return shown[place].to_list(), int(counted.item())


def _rows_at(rows: "pl.LazyFrame", places: list[int], *, place: str, key: str) -> "pl.DataFrame":
    """Return the rows that stand at these places, in the order of the places."""
    import polars as pl

    wanted = pl.DataFrame({place: pl.Series(places, dtype=pl.get_index_type())}).with_row_index(key)
    if not places:
        return rows.head(0).collect()
    first, last = min(places), max(places)
    near = rows.with_row_index(place).slice(first, last - first + 1)
    found = near.filter(pl.col(place).is_in(places)).with_columns(cut_texts()).collect(engine="streaming")
    return wanted.join(found, on=place, how="left", maintain_order="left").sort(key).drop(key, place)


def _condition(wanted: RowFilter, kind: str) -> "pl.Expr":
    import polars as pl

    column = pl.col(wanted.column)
    missing = column.is_null() | column.is_nan() if kind == "float" else column.is_null()
    match wanted.op:
        case "is_missing":
            return missing
        case "is_present":
            return ~missing
        case "contains":
            text = column if kind == "string" else column.cast(pl.String)
            return text.str.to_lowercase().str.contains(wanted.value.lower(), literal=True)
        case _:
            value = pl.lit(_value(wanted, kind))
            return {
                "equals": column == value,
                "differs": column.ne_missing(value),
                "at_least": ~missing & (column >= value),
                "at_most": ~missing & (column <= value),
            }[wanted.op]


def _value(wanted: RowFilter, kind: str) -> Any:
    """Return what a text means in a column of a type."""
    read = _READERS.get(kind)
    if read is None:
        return wanted.value
    try:
        return read(wanted.value.strip())
    except (ValueError, KeyError):
        raise FilterUnusable(
            f"{wanted.value[:100]!r} is no value of the column {wanted.column[:100]!r}, which is of type {kind}."
        ) from None


def _whole(text: str) -> int | float:
    # beyond 64 bits nothing compares
    return min(max(int(text), -(2**63)), 2**63 - 1) if text.lstrip("+-").isdecimal() else float(text)


def _in_utc(text: str) -> datetime:
    given = datetime.fromisoformat(text)
    return given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[str], Any]] = {
    "integer": _whole,
    "float": float,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "date": date.fromisoformat,
    "timestamp": lambda text: datetime.fromisoformat(text).replace(tzinfo=None),
    "timestamp_utc": _in_utc,
}
