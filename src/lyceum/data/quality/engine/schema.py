"""What columns a table has, of which types, and which may be missing."""

from dataclasses import dataclass

import polars as pl

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.engine.frames import as_plain


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """One column; `nullable` when values may be missing (null, or NaN in a column of floats)."""

    name: str
    type: ColumnType
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns in order."""

    columns: tuple[ColumnSchema, ...]

    def names(self) -> tuple[str, ...]:
        """Return the columns' names in order."""
        return tuple(column.name for column in self.columns)


def infer_schema(table: pl.LazyFrame) -> TableSchema:
    """Return the schema that fits the table as it is: a column without a missing value is not nullable.

    One pass over the data. Columns of types that no check can read (lists, structs, bytes) are left out.
    """
    plain, types = as_plain(table)
    known = {name: kind for name, kind in types.items() if kind is not None}
    if not known:
        return TableSchema(())
    missing = plain.select(pl.col(name).null_count() for name in known).collect(engine="streaming").row(0, named=True)
    return TableSchema(tuple(ColumnSchema(name, kind, nullable=missing[name] > 0) for name, kind in known.items()))
