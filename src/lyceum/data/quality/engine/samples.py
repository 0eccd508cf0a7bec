"""The first failing rows of each check, fetched in two passes for all of them together."""

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from lyceum.data.quality.engine.report import FailingRow

CELL_CHARS_MAX = 200
COLUMNS_MAX = 40
MASKED = "•••"


def first_failing_rows(
    table: pl.LazyFrame,
    fails: Mapping[str, pl.Expr],
    subjects: Mapping[str, tuple[str, ...]],
    *,
    rows_max: int,
    line_of_first_row: int | None,
    masked: Collection[str],
) -> dict[str, tuple[FailingRow, ...]]:
    """Return up to `rows_max` first failing rows for each check id in `fails`.

    A row shows the columns the check reads and then the table's first ones, at most 40; long texts are cut, and values
    of `masked` columns are covered.
    """
    if not fails or rows_max < 1:
        return {}
    names = table.collect_schema().names()
    row = _free_name(names)
    numbered = table.with_row_index(row, offset=1)
    places = numbered.select(
        pl.col(row).filter(failing).bottom_k(rows_max).implode().alias(check) for check, failing in fails.items()
    ).collect(engine="streaming")
    of_check = {check: sorted(places[check][0].to_list()) for check in fails}
    wanted = sorted({place for found in of_check.values() for place in found})
    shown = list(dict.fromkeys([*(name for check in fails for name in subjects[check]), *names[:COLUMNS_MAX]]))
    values = {
        found.pop(row): found
        for found in numbered.filter(pl.col(row).is_in(wanted))
        .select(row, *shown)
        .collect(engine="streaming")
        .iter_rows(named=True)
    }

    def failing_row(check: str, place: int) -> FailingRow:
        line = None if line_of_first_row is None else line_of_first_row + place - 1
        columns = list(dict.fromkeys([*subjects[check], *names]))[:COLUMNS_MAX]
        return FailingRow(place, line, {name: _cell(values[place][name], covered=name in masked) for name in columns})

    return {check: tuple(failing_row(check, place) for place in found) for check, found in of_check.items()}


def _cell(value: Any, *, covered: bool) -> Any:
    if covered:
        return MASKED
    if isinstance(value, str) and len(value) > CELL_CHARS_MAX:
        return value[: CELL_CHARS_MAX - 1] + "…"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)[:CELL_CHARS_MAX]


def _free_name(names: Collection[str]) -> str:
    row = "row"
    while row in names:
        row += "_"
    return row
