"""Any frame as the engine sees it: the seven column types, and one idea of "missing"."""

import polars as pl

from lyceum.data.datasets.reading.public import POLARS_TYPES, ColumnType, column_type_of


def as_plain(table: pl.LazyFrame) -> tuple[pl.LazyFrame, dict[str, ColumnType | None]]:
    """Return the table with every column in the widest form of its type, and the types by name.

    NaN becomes null: in a column of floats it says that there is no number, as pandas, R and spreadsheets have it, so
    the engine counts it as missing everywhere. Infinity is a value. Decimals and unsigned 64-bit numbers are compared
    as floats. A column of lists, structs, bytes, times of day or durations has the type None and is left as it is.
    """
    types: dict[str, ColumnType | None] = {}
    columns: list[pl.Expr] = []
    for name, dtype in table.collect_schema().items():
        kind = ColumnType.FLOAT if dtype.is_decimal() or dtype == pl.UInt64() else column_type_of(dtype)
        types[name] = kind
        column = pl.col(name)
        if kind is not None and dtype != POLARS_TYPES[kind]:
            column = column.dt.convert_time_zone("UTC") if kind is ColumnType.TIMESTAMP_UTC else column
            column = column.cast(POLARS_TYPES[kind])
        if kind is ColumnType.FLOAT:
            column = column.fill_nan(None)
        columns.append(column)
    return table.select(columns), types
