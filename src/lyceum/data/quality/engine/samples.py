"""The first failing rows of each check, fetched for all of them together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lyceum.data.datasets.reading.public import free_name
from lyceum.data.quality.engine.report import FailingRow

CELL_CHARS_MAX = 200
COLUMNS_MAX = 40
MASKED = "•••"
FIRST_WINDOW_ROWS = 65_536
WINDOW_GROWTH = 16


@dataclass(frozen=True, slots=True)
class Failing:
    """Which rows fail a check, how many do, and the columns it reads."""

    rows: pl.Expr
    count: int
    subjects: tuple[str, ...]


def first_failing_rows(
    table: pl.LazyFrame,
    checks: Mapping[str, Failing],
    *,
    rows: int,
    rows_max: int,
    line_of_first_row: int | None,
    masked: Collection[str],
) -> dict[str, tuple[FailingRow, ...]]:
    """Return up to `rows_max` first failing rows for each check id, of a table of so many `rows`.

    A row shows the columns the check reads and then the table's first ones, at most 40; long texts are cut, and values
    of `masked` columns are covered.
    """
    if not checks or rows_max < 1:
        return {}
    names = table.collect_schema().names()
    shown = list(dict.fromkeys([*(name for check in checks.values() for name in check.subjects), *names[:COLUMNS_MAX]]))
    of_check, values = _found(table, checks, shown, rows, rows_max)

    def failing_row(check: str, place: int) -> FailingRow:
        line = None if line_of_first_row is None else line_of_first_row + place - 1
        columns = list(dict.fromkeys([*checks[check].subjects, *names]))[:COLUMNS_MAX]
        return FailingRow(place, line, {name: _cell(values[place][name], covered=name in masked) for name in columns})

    return {check: tuple(failing_row(check, place) for place in found) for check, found in of_check.items()}


def _found(
    table: pl.LazyFrame, checks: Mapping[str, Failing], shown: Sequence[str], rows: int, rows_max: int
) -> tuple[dict[str, list[int]], dict[int, dict[str, Any]]]:
    """Return the places of the first failing rows, and the values at them.

    Looks at windows that grow, since what fails often fails early; each row is in one window.
    """
    row = free_name(table.collect_schema().names(), "row")
    places: dict[str, list[int]] = {check: [] for check in checks}
    values: dict[int, dict[str, Any]] = {}
    start, length = 0, FIRST_WINDOW_ROWS
    while start < rows:
        missing = {
            check: target - len(places[check])
            for check, failing in checks.items()
            if len(places[check]) < (target := min(rows_max, failing.count))
        }
        if not missing:
            break
        # cut before it is numbered, so that a file is read no further
        window = table.slice(start, length).with_row_index(row, offset=start + 1)
        found = window.select(
            pl.col(row).filter(checks[check].rows).bottom_k(most).implode().alias(check)
            for check, most in missing.items()
        ).collect(engine="streaming")
        new = {check: sorted(found[check][0].to_list()) for check in missing}
        for check, of_check in new.items():
            places[check] += of_check
        values |= _values_at(table, row, shown, {place for of_check in new.values() for place in of_check})
        start, length = start + length, length * WINDOW_GROWTH
    return places, values


def _values_at(
    table: pl.LazyFrame, row: str, shown: Sequence[str], places: Collection[int]
) -> dict[int, dict[str, Any]]:
    if not places:
        return {}
    first, last = min(places), max(places)
    between = table.slice(first - 1, last - first + 1).with_row_index(row, offset=first)
    between = between.filter(pl.col(row).is_in(sorted(places)))
    return {
        found.pop(row): found for found in between.select(row, *shown).collect(engine="streaming").iter_rows(named=True)
    }


def _cell(value: Any, *, covered: bool) -> Any:
    if covered:
        return MASKED
    if isinstance(value, str) and len(value) > CELL_CHARS_MAX:
        return value[: CELL_CHARS_MAX - 1] + "…"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)[:CELL_CHARS_MAX]
