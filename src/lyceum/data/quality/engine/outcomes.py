"""What a back end found out about one check, before it is put into words."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from lyceum.data.quality.engine.report import FailingRow, PartitionResult, Status


@dataclass(slots=True)
class Outcome:
    """Counts, and what else there is to tell."""

    checked: int
    failing: int
    observed: dict[str, Any] | None = None
    """Values of the table; covered with its columns."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Figures that give no value of the table away."""
    involved: int | None = None
    fails: pl.Expr | None = None
    """True for the rows to show as failing."""
    status: Status | None = None
    """Where more than the share of failing rows decides."""
    sentence: str | None = None
    rows: tuple[FailingRow, ...] = ()
    """Failing rows that are no rows of the table, such as a query's."""
    partitions: tuple[PartitionResult, ...] = ()


def skipped(sentence: str, *, checked: int = 0, **metrics: float) -> Outcome:
    """Return the outcome of a check that there was too little to judge by."""
    return Outcome(checked, 0, metrics=metrics, status="skipped", sentence=sentence)


def judged(checked: int, *, holds: bool, sentence: str, failing: int | None = None, **found: Any) -> Outcome:
    """Return the outcome of a check on the table as a whole."""
    count = (0 if holds else 1) if failing is None else failing
    return Outcome(checked, count, status="passed" if holds else "failed", sentence=sentence, **found)
