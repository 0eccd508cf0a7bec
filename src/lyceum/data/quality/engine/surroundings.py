"""What checks may look at beside the table itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from lyceum.data.quality.engine.references import Reference


def _no_table(name: str) -> pl.LazyFrame:
    raise LookupError(f"there is no way to read '{name}' here")


@dataclass(frozen=True, slots=True)
class SqlLimits:
    """What a query of a person may take."""

    seconds_max: float = 60.0
    memory_mb_max: int = 512
    threads_max: int = 2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The time, references by name, other tables, and what a query may take.

    `table_named` returns the table of a dataset that the caller may read; it raises LookupError with the rest of a
    sentence for one that it may not, or that is not there.
    """

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    references: Mapping[str, Reference] = field(default_factory=dict)
    table_named: Callable[[str], pl.LazyFrame] = _no_table
    sql: SqlLimits = SqlLimits()
