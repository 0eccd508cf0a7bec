"""Values that accepted batches had, and how often: by hash, with a cap."""

from hashlib import blake2b
from typing import Self

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.float64]

_MIX_A = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_SHIFT = np.uint64(29)


class Tally(msgspec.Struct, frozen=True):
    """Distinct values by their 64-bit hash with the number of rows that had them; values themselves are not kept."""

    distinct_max: int
    keys: bytes = b""
    rows: bytes = b""
    is_over: bool = False
    """More values than `distinct_max` came: nothing is kept of them any more."""

    @property
    def hashes(self) -> Hashes:
        """The hashes, ascending."""
        return np.frombuffer(self.keys, dtype="<u8")

    @property
    def counts(self) -> Numbers:
        """The rows of each hash."""
        return np.frombuffer(self.rows, dtype="<f8")

    def counts_of(self, hashes: Hashes) -> Numbers:
        """Return how many rows had each of `hashes` before, 0 for a new one."""
        known = self.hashes
        if not len(known):
            return np.zeros(len(hashes))
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        return np.where(known[at] == hashes, self.counts[at], 0.0)

    def with_rows(self, hashes: Hashes) -> Self:
        """Return the tally with these rows added; more values than the cap leave it empty and over."""
        if self.is_over:
            return self
        joined = np.concatenate([self.hashes, hashes])
        weights = np.concatenate([self.counts, np.ones(len(hashes))])
        keys, places = np.unique(joined, return_inverse=True)
        if len(keys) > self.distinct_max:
            return type(self)(self.distinct_max, is_over=True)
        counts = np.bincount(places, weights=weights)
        return type(self)(self.distinct_max, keys.astype("<u8").tobytes(), counts.astype("<f8").tobytes())


def hashes_of(column: pl.Series) -> Hashes:
    """Return a hash for each row that is the same on every machine and in every release; missing values hash too."""
    text = column.cast(pl.String)
    values, places = np.unique(text.fill_null("\x00missing").to_numpy().astype(str), return_inverse=True)
    hashed = np.fromiter(
        (int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "little") for value in values),
        dtype=np.uint64,
        count=len(values),
    )
    return np.asarray(hashed[places], dtype=np.uint64)


def paired(first: Hashes, second: Hashes) -> Hashes:
    """Return a hash of each pair; the order matters."""
    with np.errstate(over="ignore"):
        mixed = (first * _MIX_A) ^ (second * _MIX_B)
        return np.asarray(mixed ^ (mixed >> _MIX_SHIFT), dtype=np.uint64)


def entropy_bits(counts: Numbers) -> float:
    """Return the Shannon entropy of the values behind `counts`, in bits."""
    total = counts.sum()
    if total <= 0:
        return 0.0
    shares = counts[counts > 0] / total
    return float(-(shares * np.log2(shares)).sum())
