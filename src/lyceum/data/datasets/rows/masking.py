"""Covering what columns marked as personal hold: one function for each form rows have.

A masked value says that there is one and of what kind, and nothing of which: equal and unequal values look the same.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

MASKED = "•••"
_MASKS = {"email": "•••@•••"}
_FIGURES_WITHOUT_VALUES = ("name", "type", "missing", "missing_fraction", "distinct", "distinct_is_exact", "patterns")
_NOTHING: dict[str, Any] = {
    "min": None,
    "max": None,
    "mean": None,
    "std": None,
    "infinite": 0,
    "quantiles": None,
    "histogram": None,
    "top_values": [],
    "length_min": None,
    "length_mean": None,
    "length_max": None,
}

Marks = Mapping[str, str]
"""The kind of what a column holds, by the names of the columns that are marked."""


def mask_of(kind: str) -> str:
    """Return what stands for every value of a kind."""
    return _MASKS.get(kind, MASKED)


def masked_frame(rows: "pl.LazyFrame", marks: Marks) -> "pl.LazyFrame":
    """Return the rows with marked columns as masked texts; what is missing is still missing."""
    import polars as pl

    covered = [name for name in rows.collect_schema() if name in marks]
    if not covered:
        return rows
    return rows.with_columns(
        pl.when(pl.col(name).is_not_null()).then(pl.lit(mask_of(marks[name]))).alias(name) for name in covered
    )


def masked_batches(
    schema: "pa.Schema", batches: "Iterator[pa.RecordBatch]", marks: Marks
) -> "tuple[pa.Schema, Iterator[pa.RecordBatch]]":
    """Return columns and rows with marked columns as masked texts, read as they are asked for."""
    import pyarrow as pa

    if not any(name in marks for name in schema.names):
        return schema, batches
    covered = pa.schema([pa.field(one.name, pa.string()) if one.name in marks else one for one in schema])
    return covered, (_masked_batch(covered, batch, marks) for batch in batches)


def _masked_batch(schema: "pa.Schema", batch: "pa.RecordBatch", marks: Marks) -> "pa.RecordBatch":
    import pyarrow as pa
    import pyarrow.compute as pc

    def column(name: str) -> Any:
        values = batch.column(name)
        if name not in marks:
            return values
        return pc.if_else(values.is_valid(), pa.scalar(mask_of(marks[name])), pa.scalar(None, pa.string()))

    return pa.RecordBatch.from_arrays([column(name) for name in schema.names], schema=schema)


def masked_profile(profile: dict[str, Any], marks: Marks) -> dict[str, Any]:
    """Return the profile with the counts alone of marked columns: no value, range or distribution."""
    if not marks:
        return profile
    columns = [
        {**{name: column[name] for name in _FIGURES_WITHOUT_VALUES if name in column}, **_NOTHING}
        if column["name"] in marks
        else column
        for column in profile["columns"]
    ]
    return {**profile, "columns": columns}


def masked_cells(values: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
    """Return one row, by column, with what marked columns hold masked."""
    return {
        name: mask_of(marks[name]) if name in marks and value is not None else value for name, value in values.items()
    }
