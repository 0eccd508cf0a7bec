"""A version that only appended is checked by its new rows alone: what was counted on the earlier ones is kept.

What is kept names the files it was counted on. As long as a version's files begin with those, their rows are the ones
that were counted, and only the files behind them are read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import isclose
from typing import TYPE_CHECKING, TypedDict

import msgspec

from lyceum.data.datasets.rows.public import Marks, TablePart, content_of_version, scan_part
from lyceum.data.quality.engine.public import (
    STATE_VERSION,
    Check,
    CheckReport,
    CheckResult,
    Completeness,
    Conditional,
    CrossColumn,
    Expression,
    Freshness,
    InSet,
    Length,
    Monotonic,
    NotNull,
    Range,
    Regex,
    RowCount,
    Statistic,
    Surroundings,
    TableState,
    Type,
    Volume,
    measure,
    plan_digest,
    report_of,
    run_checks,
)
from lyceum.data.quality.work import CheckWork, StateToKeep
from lyceum.kernel.storage import Storage
from lyceum.version import VERSION

if TYPE_CHECKING:
    import polars as pl

ROWS_KEPT_MIN = 100_000
"""Smaller tables are read whole: that costs less than keeping anything."""
STATE_BYTES_MAX = 1 << 20
MADE_BY = f"{VERSION} {STATE_VERSION}"
NEAR = 1e-9
_DECIDED_BY_ROWS = (NotNull, Completeness, InSet, Length, Regex, Type, Conditional, CrossColumn, Expression)
_HOLDING_VALUES = (Range, Statistic, Freshness, Monotonic)


class Sampling(TypedDict):
    """What is shown of rows that fail."""

    sample_rows_max: int
    line_of_first_row: int | None
    masked: Marks


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    made_by: str
    table: str
    files: int
    digest: str
    state: TableState


@dataclass(frozen=True, slots=True)
class Growth:
    """A version's files in the order of its rows, and those of its checks that go on from what was counted before."""

    storage: Storage
    work: CheckWork
    checks: tuple[Check, ...]
    table: str
    names: tuple[str, ...]

    def known(self) -> _Kept | None:
        """Return what was kept, if it is of these checks and of the version's first files."""
        if self.work.kept is None:
            return None
        try:
            kept = msgspec.msgpack.decode(self.work.kept, type=_Kept)
        except msgspec.DecodeError:
            return None
        fits = (kept.made_by, kept.table, kept.state.plan) == (MADE_BY, self.table, plan_digest(self.checks))
        return kept if fits and kept.digest == _digest(self.names[: kept.files]) else None

    def state(self, kept: _Kept, around: Surroundings) -> TableState:
        """Return the state of the version, of which only the files that are new are read."""
        new = list(self.names[kept.files :])
        if not new:
            return kept.state
        where = self.storage
        part = TablePart(url=where.url, options=dict(where.options), table_key=self.work.table_key, names=new)
        return kept.state.merged(measure(scan_part(part), self.checks, around=around))

    def to_keep(self, state: TableState) -> StateToKeep | None:
        """Return what the next version goes on from; None where that would be too large to keep."""
        kept = _Kept(made_by=MADE_BY, table=self.table, files=len(self.names), digest=_digest(self.names), state=state)
        stored = msgspec.msgpack.encode(kept)
        if len(stored) > STATE_BYTES_MAX:
            return None
        return StateToKeep(delta_version=self.work.delta_version, state=stored, marks=self.work.marks)


def growth_of(storage: Storage, work: CheckWork, checks: Sequence[Check]) -> Growth | None:
    """Return how a version may go on from an earlier one; None where it is small, or has no check that could."""
    growing = tuple(check for check in checks if grows(check, work.marks))
    if not work.keeps_state or not growing:
        return None
    content = content_of_version(storage, work.table_key, work.delta_version)
    if sum(file.rows for file in content.files) < ROWS_KEPT_MIN:
        return None
    table = _digest([work.table_key, content.schema])
    return Growth(storage, work, growing, table, tuple(file.name for file in content.files))


def report_by(
    state: TableState,
    rows: "pl.LazyFrame",
    checks: Sequence[Check],
    *,
    growing: Sequence[Check],
    around: Surroundings,
    sampling: Sampling,
) -> CheckReport:
    """Return the report that `run_checks` would give, where `state` is what the `growing` ones among the checks counted.

    The others look at all rows, and so does what fails, for the rows to show.
    """
    counted = report_of(state, growing, around=around, masked=sampling["masked"])
    told = {result.check.id: result for result in counted.results if _is_told(result, state)}
    anew = [check for check in checks if check.id not in told]
    if anew:
        told |= {result.check.id: result for result in run_checks(rows, anew, around=around, **sampling).results}
    return CheckReport(state.rows, tuple(told[check.id] for check in checks))


def grows(check: Check, marks: Collection[str]) -> bool:
    """Say whether a check's state is small, exact, of this table alone, and holds no value of a marked column."""
    by = getattr(check, "partition_by", None)
    if by in marks or (isinstance(check, _HOLDING_VALUES) and any(name in marks for name in check.subjects())):
        return False
    if isinstance(check, Range):
        # the smallest and largest value of all partitions together are not in their states
        return by is None
    return isinstance(check, (*_DECIDED_BY_ROWS, Statistic, Freshness, Monotonic, RowCount, Volume))


def _is_told(result: CheckResult, state: TableState) -> bool:
    check = result.check
    if result.failing or result.status not in {"passed", "skipped"} or check.id in state.unfit:
        return False
    if isinstance(check, Range):
        # texts have a smallest and a largest too, and states of any length do not hold them
        return "values" in state.states[check.id].get("", {})
    if isinstance(check, Statistic):
        figure = (result.observed or {}).get(check.statistic)
        bounds = [bound for bound in (check.min, check.max) if bound is not None]
        # merged moments are exact but for rounding, which must not decide
        return figure is not None and not any(isclose(figure, bound, rel_tol=NEAR, abs_tol=NEAR) for bound in bounds)
    return True


def _digest(parts: Sequence[str]) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
