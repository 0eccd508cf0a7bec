"""Any table to Polars, column by column, so that one odd column does not spoil the others."""

from collections.abc import Mapping

import polars as pl

from lyceum.serve.runtime.public import UnusableInput, as_polars
from lyceum.train.engine.errors import TableUnusable, TargetUnusable


def read_table(table: object, *, target: str) -> tuple[pl.DataFrame, Mapping[str, str]]:
    """The table, and the columns that have no single type with a reason each.

    Raises TargetUnusable when the target is such a column, TableUnusable when nothing can be read.
    """
    try:
        return _checked(as_polars(table)), {}
    except UnusableInput as error:
        if type(table).__module__.partition(".")[0] != "pandas":
            raise TableUnusable(str(error)) from error
    read: dict[str, pl.Series] = {}
    mixed: dict[str, str] = {}
    for name in table.columns:  # type: ignore[attr-defined]  # a pandas frame
        try:
            read[str(name)] = as_polars(table[[name]]).to_series()  # type: ignore[index]  # a pandas frame
        except UnusableInput:
            mixed[str(name)] = "it mixes values of several types"
    if target in mixed:
        raise TargetUnusable(
            "mixed_type", f"the target {target!r} mixes values of several types", "make them all texts or all numbers"
        )
    return _checked(pl.DataFrame(read)), mixed


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    if frame.height == 0:
        raise TableUnusable("the table has no rows")
    return frame
