"""What is known of columns that hold personal data: found by a scan of each version, or said by a person, which stays.

A dataset keeps one entry for each column, by name, whatever versions have it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lyceum.data.datasets.rows.public import Marks

if TYPE_CHECKING:
    import polars as pl

SCANNED_ROWS_MAX = 20_000
"""Of a version, from places all over it: so that a scan takes a bounded time and memory, however large the table."""
SCANNED_CELLS_MAX = 2_000_000
SCANNED_PLACES = 5


def marks_in(personal: Mapping[str, Any]) -> Marks:
    """Return the kinds of the columns that are marked, by name."""
    return {name: str(entry["kind"]) for name, entry in personal.items() if entry["is_marked"]}


def found_in(rows: "pl.LazyFrame", *, row_count: int, find: "Callable[..., Any]") -> dict[str, dict[str, Any]]:
    """Return an entry for each column of a version that seems to hold personal data, as the engine's `find_personal` finds it."""
    import polars as pl

    wanted = max(SCANNED_PLACES, min(SCANNED_ROWS_MAX, SCANNED_CELLS_MAX // max(1, len(rows.collect_schema()))))
    if row_count > wanted:
        each, step = wanted // SCANNED_PLACES, row_count // SCANNED_PLACES
        rows = pl.concat([rows.slice(place * step, each) for place in range(SCANNED_PLACES)])
    sample = rows.collect(engine="streaming")
    return {
        column.name: {
            "kind": column.kind.value,
            "confidence": round(column.fraction, 3),
            "reason": column.reason,
            "is_marked": True,
            "said_by": "scan",
        }
        for column in find(sample.lazy(), rows=sample.height)
    }


def with_found(known: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known after a scan: it adds columns, and takes nothing back of what is there."""
    return {**found, **known}
