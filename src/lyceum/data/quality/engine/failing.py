"""All rows that fail checks, as a table."""

from collections.abc import Iterable

import polars as pl

from lyceum.data.datasets.reading.public import free_name
from lyceum.data.quality.engine.checks import Check, with_distinct_ids
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.run import counted, planned
from lyceum.data.quality.engine.surroundings import Surroundings

ROW_NUMBER = "row_number"
FAILED_CHECKS = "failed_checks"


def failing_rows(
    table: pl.LazyFrame, checks: Iterable[Check], *, around: Surroundings | None = None
) -> pl.LazyFrame | None:
    """Return the rows that fail any of the checks, not yet read, in their order; None where no check knows of any.

    The columns `row_number`, which counts from 1 in the table, and `failed_checks`, the ids of the checks with commas
    between, come first; where the table has such a name, with `_` behind theirs. Values are as the checks see them: NaN is
    no value. Checks that judge the table as a whole, and those that do not fit it, name no rows.
    """
    plain, types = as_plain(table)
    plans = [planned(check, types) for check in with_distinct_ids(checks)]
    _, outcomes = counted(plain, types, plans, around or Surroundings())
    named = [
        pl.when(found.fails).then(pl.lit(check))
        for check, found in outcomes.items()
        if found.failing and found.fails is not None
    ]
    if not named:
        return None
    names = plain.collect_schema().names()
    row, failed = free_name(names, ROW_NUMBER), free_name(names, FAILED_CHECKS)
    return (
        plain.with_row_index(row, offset=1)
        .with_columns(pl.concat_str(named, separator=", ", ignore_nulls=True).alias(failed))
        .filter(pl.col(failed) != "")
        .select(pl.col(row).cast(pl.Int64), failed, *names)
    )
