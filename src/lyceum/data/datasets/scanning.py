"""Parquet files of this machine, read as a stream."""

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

ROW_GROUPS_AHEAD = "1"
"""How many row groups are decoded before they are asked for. Polars takes a dozen for the sake of distant files: of ones
at hand that doubles the memory, and the CPU time that the system spends on giving it, for no second gained."""


def scan_local_files(files: Sequence[str | Path]) -> pl.LazyFrame:
    """Return the rows of Parquet files of one schema, in their order, not yet read."""
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", ROW_GROUPS_AHEAD)
    return pl.scan_parquet([str(file) for file in files], glob=False)
