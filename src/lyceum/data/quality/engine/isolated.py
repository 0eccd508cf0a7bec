"""Rows that are isolated among the others, by an Isolation Forest over several columns."""

import polars as pl

from lyceum.data.quality.engine.checks import Outliers
from lyceum.data.quality.engine.outcomes import Outcome, skipped


def isolated_rows(check: Outliers, table: pl.LazyFrame) -> Outcome:
    """Return how many rows are more isolated than the check allows; skipped where there is nothing to learn from.

    The whole table is read twice: for the rows that the forest is made of, and to look each row up in it.
    """
    # scikit-learn takes a second to import, and few checks need it
    from lyceum.data.quality.anomalies.public import RowForest

    forest = RowForest.learnt(table, check.columns)
    if forest is None:
        return skipped(
            f"There are too few rows, or none with values, to learn from what is usual in {', '.join(check.columns)}."
        )
    limit = check.score_max

    def is_isolated(rows: pl.Series) -> pl.Series:
        return pl.Series(forest.scores(rows.struct.unnest()) > limit, dtype=pl.Boolean)

    fails = pl.struct(check.columns).map_batches(is_isolated, return_dtype=pl.Boolean, is_elementwise=True)
    row = table.select(pl.len().alias("rows"), fails.sum().alias("isolated")).collect(engine="streaming").row(0)
    return Outcome(int(row[0]), int(row[1] or 0), fails=fails)
