"""What came of the checks."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from lyceum.data.quality.engine.checks import Check

Status = Literal["passed", "failed", "errored", "skipped"]
"""`errored` when the check does not fit the table, `skipped` when there was too little to judge by."""


@dataclass(frozen=True, slots=True)
class FailingRow:
    """One row that failed; `row` counts from 1 in the table, `line` is the line of the source file where known."""

    row: int
    line: int | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PartitionResult:
    """What came of a check within one value of its partition column, as text; None for rows without one."""

    value: str | None
    rows_checked: int
    failing: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check."""

    check: Check
    status: Status
    sentence: str
    """For a person: what was found, and where first."""
    rows_checked: int = 0
    failing: int = 0
    """Failing rows; for `unique` the surplus rows."""
    failing_fraction: float = 0.0
    """Of the rows checked; 0 when none were."""
    rows_involved: int | None = None
    """For `unique`: all rows that share their values with another."""
    observed: dict[str, Any] | None = None
    """What was seen where there is a figure for it: the smallest and largest value, or the number of rows."""
    sample: tuple[FailingRow, ...] = ()
    """The first failing rows, in the order of the table."""
    metrics: dict[str, float] | None = None
    """Figures for a history: they give no value of the table away."""
    partitions: tuple[PartitionResult, ...] = ()
    """The partitions that fail, the worst first."""

    @property
    def blocks(self) -> bool:
        """Whether data with this result is to be refused."""
        return self.status in {"failed", "errored"} and self.check.refuses


@dataclass(frozen=True, slots=True, repr=False)
class CheckReport:
    """The results of all checks on one table, in the order the checks were given."""

    rows: int
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check that refuses data failed or could not be run."""
        return not any(result.blocks for result in self.results)

    def count(self, status: Status) -> int:
        """Return how many checks have this status."""
        return sum(result.status == status for result in self.results)

    def to_plain(self) -> dict[str, Any]:
        """Return the report in the types JSON has."""
        plain: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return {"passed": self.passed, **plain}

    def __repr__(self) -> str:
        marks = {"passed": "ok", "failed": "FAIL", "errored": "ERROR", "skipped": "skip"}
        counts = (
            f"{self.count('passed')} passed, {self.count('failed')} failed, {self.count('errored')} could not be run"
        )
        counts += f", {self.count('skipped')} skipped" if self.count("skipped") else ""
        lines = [f"{len(self.results):,} checks on {self.rows:,} rows: {counts}"]
        width = max((len(result.check.id) for result in self.results), default=0)
        for result in self.results:
            mark = marks[result.status]
            if result.status == "failed" and result.check.severity == "warning":
                mark = "warn"
            lines.append(f"  {mark:<5}  {result.check.id:<{width}}  {result.sentence}")
        return "\n".join(lines)
