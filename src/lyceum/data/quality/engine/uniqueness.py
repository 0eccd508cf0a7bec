"""Exact counts of repeated keys in 8 bytes a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

HASHES_HELD_MAX = 64_000_000
"""How many 64-bit hashes are sorted at once (512 MB); larger tables are taken in parts of the hash range."""


SPREAD_MAX = 8
"""Numbers in a range of so many times their count are marked in one byte each."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows that share their key with another row; rows with a missing part of the key are not compared."""

    compared: int
    surplus: int
    """Rows that would have to go for the rest to be unique."""
    involved: int
    """All rows whose key another row has too."""
    suspects: pl.Series
    """The hashes of repeated keys, and of none but them save for collisions; empty when every key is unique."""
    columns: tuple[str, ...]

    def filter(self) -> pl.Expr:
        """Return the expression that is true for rows whose hash is suspect."""
        return _present(self.columns) & key_hash(self.columns).is_in(self.suspects.implode())


def key_hash(columns: Sequence[str]) -> pl.Expr:
    """Return a 64-bit hash of the row's key; equal keys have equal hashes."""
    return (pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)).hash()


def duplicates_in(table: pl.LazyFrame, columns: Sequence[str], *, rows: int) -> Duplicates:
    """Return the exact numbers of surplus and involved rows for the key `columns`."""
    present = table.filter(_present(columns))
    if len(columns) == 1 and table.collect_schema()[columns[0]] == pl.Int64 and rows <= HASHES_HELD_MAX:
        numbers = present.select(columns[0]).collect(engine="streaming").to_series()
        if _all_differ(numbers):
            return Duplicates(len(numbers), 0, 0, pl.Series("hash", [], dtype=pl.UInt64), tuple(columns))
    shares = max(1, -(-rows // HASHES_HELD_MAX))
    compared = 0
    suspects: list[pl.Series] = []
    for share in range(shares):
        part = present.select(key_hash(columns).alias("hash"))
        if shares > 1:
            part = part.filter(pl.col("hash") % shares == share)
        hashes = part.collect(engine="streaming").to_series().sort()
        compared += len(hashes)
        suspects.append(hashes.filter(hashes == hashes.shift(1)).unique())
    suspect = pl.concat(suspects) if suspects else pl.Series("hash", [], dtype=pl.UInt64)
    if suspect.is_empty():
        return Duplicates(compared, 0, 0, suspect, tuple(columns))
    rows_of_key = "rows"
    while rows_of_key in columns:
        rows_of_key += "_"
    of_key = pl.col(rows_of_key)
    counts = (
        present.select(columns)
        .filter(key_hash(columns).is_in(suspect.implode()))
        .group_by(columns)
        .agg(pl.len().alias(rows_of_key))
        .filter(of_key > 1)
        .select((of_key - 1).sum().alias("surplus"), of_key.sum().alias("involved"))
        .collect(engine="streaming")
        .row(0)
    )
    return Duplicates(compared, int(counts[0] or 0), int(counts[1] or 0), suspect, tuple(columns))


def _all_differ(numbers: pl.Series) -> bool:
    """Say whether no number occurs twice, where they lie close enough together to tell at a glance, as ids mostly do."""
    low, high = numbers.min(), numbers.max()
    if not isinstance(low, int) or not isinstance(high, int) or high - low >= SPREAD_MAX * len(numbers):
        return False
    seen = np.zeros(high - low + 1, dtype=bool)
    seen[numbers.to_numpy() - low] = True
    return int(np.count_nonzero(seen)) == len(numbers)


def _present(columns: Sequence[str]) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_not_null() for name in columns)
