"""Running checks over a version's rows, in a process of its own."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lyceum.data.datasets.rows.public import Marks, TablePart, parts_of, scan_unmasked
from lyceum.data.quality.cluster import ClusterUnusable, report_from, state_by_cluster
from lyceum.data.quality.definitions import shortened
from lyceum.data.quality.engine.public import (
    Check,
    CheckReport,
    Surroundings,
    TableState,
    checks_from_plain,
    measure,
    reference_of,
    run_checks,
)
from lyceum.data.quality.growing import Sampling, growth_of, report_by
from lyceum.data.quality.masking import masked_result
from lyceum.data.quality.work import CheckedTable, ChecksToRun, CheckWork, TableAt
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, open_storage

if TYPE_CHECKING:
    import polars as pl

PART_BYTES = 64 << 20
"""How much of a table's files one task of a cluster reads; it takes longer to hand less out than to read it."""
PARTS_MIN = 4
logger = logging.getLogger(__name__)
SAMPLE_ROWS_PER_CHECK_MAX = 10
SAMPLE_ROWS_MAX = 500
"""Of all checks together, so that a thousand of them make no answer of many megabytes; each may have one all the same."""


def scan_checks(work: CheckWork, side: ChildSide) -> CheckedTable:
    """Run the checks in as few passes over the table as the engine needs, by a cluster where there is one.

    Rows that an earlier run counted are not read again, but by checks that need all of them.
    """
    storage = open_storage(settings())
    rows = scan_unmasked(storage, work.table_key, work.delta_version)
    checks = checks_from_plain(work.definitions)
    around = around_of(work, checks)
    growth = growth_of(storage, work, checks)
    kept = growth.known() if growth else None
    state = _state_by_cluster(work, around, side) if kept is None else None
    if growth is None or state is not None:
        return _checked(rows, work, around, state, line_of_first_row=work.line_of_first_row, marks=work.marks)
    counted = growth.state(kept, around) if kept else measure(rows, growth.checks, around=around)
    sampling = _sampling(checks, line_of_first_row=work.line_of_first_row, marks=work.marks)
    report = report_by(counted, rows, checks, growing=growth.checks, around=around, sampling=sampling)
    found = as_kept(report, work.marks)
    return CheckedTable(passed=report.passed, check_ids=work.check_ids, results=found, keep=growth.to_keep(counted))


def checked_rows(
    rows: "pl.LazyFrame", work: ChecksToRun, *, line_of_first_row: int | None, marks: Marks
) -> CheckedTable:
    """Run the checks over rows wherever they lie, and return the results as they are kept.

    `marks` are columns that the rows were found to have beside those that were known.
    """
    around = around_of(work, checks_from_plain(work.definitions))
    known = {**marks, **work.marks}
    return _checked(rows, work, around, None, line_of_first_row=line_of_first_row, marks=known)


def _checked(
    rows: "pl.LazyFrame",
    work: ChecksToRun,
    around: Surroundings,
    state: TableState | None,
    *,
    line_of_first_row: int | None,
    marks: Marks,
) -> CheckedTable:
    checks = checks_from_plain(work.definitions)
    sampled = _sampling(checks, line_of_first_row=line_of_first_row, marks=marks)
    if state is None:
        report = run_checks(rows, checks, around=around, **sampled)
    else:
        report = report_from(state, rows, checks, around=around, **sampled)
    return CheckedTable(passed=report.passed, check_ids=work.check_ids, results=as_kept(report, marks))


def as_kept(report: CheckReport, marks: Marks) -> list[dict[str, Any]]:
    """Return the results as they are kept and shown: of long sets their beginnings, of marked columns no value."""
    results = report.to_plain()["results"]
    return [masked_result({**result, "check": shortened(result["check"])}, marks) for result in results]


def _sampling(checks: Sequence[Check], *, line_of_first_row: int | None, marks: Marks) -> Sampling:
    rows_each = min(SAMPLE_ROWS_PER_CHECK_MAX, max(1, SAMPLE_ROWS_MAX // max(1, len(checks))))
    return {"sample_rows_max": rows_each, "line_of_first_row": line_of_first_row, "masked": marks}


def _state_by_cluster(work: CheckWork, around: Surroundings, side: ChildSide) -> TableState | None:
    """Return what a cluster found of the table; None where there is none, it cannot or may not, or the table is not worth it."""
    address = settings().ray_address
    if address is None or any(at.hidden for at in work.others.values()):
        return None
    storage = open_storage(settings())
    parts = parts_of(storage, work.table_key, work.delta_version, part_bytes=PART_BYTES)
    if len(parts) < PARTS_MIN:
        return None
    others = {name: _whole(storage, at) for name, at in work.others.items()}
    try:
        return state_by_cluster(
            address, parts, work.definitions, around=around, others=others, stop_if_asked=side.stop_if_asked
        )
    except ClusterUnusable as unusable:
        logger.warning("cluster not used", extra={"reason": str(unusable)})
        return None


def _whole(storage: Storage, at: TableAt) -> TablePart:
    [whole] = parts_of(storage, at.table_key, at.delta_version, part_bytes=sys.maxsize)
    return whole


def around_of(work: ChecksToRun, checks: Sequence[Check]) -> Surroundings:
    """Return what the checks compare with: other versions of the table, and other tables."""

    def table_at(at: TableAt) -> "pl.LazyFrame":
        rows = scan_unmasked(open_storage(settings()), at.table_key, at.delta_version)
        # a mark outlives its column
        return rows.drop(at.hidden, strict=False) if at.hidden else rows

    def table_named(address: str) -> "pl.LazyFrame":
        if address not in work.others:
            raise LookupError(f"there is no dataset '{address}' that whoever asked for the run may read")
        return table_at(work.others[address])

    read: dict[str, set[str]] = {name: set() for name in work.references}
    for check in checks:
        name = getattr(check, "reference", None)
        if name in read:
            read[name].update(check.subjects())
    references = {name: reference_of(table_at(at), sorted(read[name])) for name, at in work.references.items()}
    return Surroundings(references=references, table_named=table_named)
