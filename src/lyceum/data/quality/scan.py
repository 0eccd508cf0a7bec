"""Running checks over a version's rows, in a process of its own."""

from lyceum.data.datasets.rows.public import scan_table
from lyceum.data.quality.engine.public import checks_from_plain, run_checks
from lyceum.data.quality.work import CheckedTable, CheckWork
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

SAMPLE_ROWS_PER_CHECK_MAX = 10
SAMPLE_ROWS_MAX = 500
"""Of all checks together, so that a thousand of them make no answer of many megabytes; each may have one all the same."""


def scan_checks(work: CheckWork, side: ChildSide) -> CheckedTable:
    """Run the checks in as few passes over the table as the engine needs."""
    del side
    rows = scan_table(open_storage(settings()), work.table_key, work.delta_version)
    checks = checks_from_plain(work.definitions)
    rows_each = min(SAMPLE_ROWS_PER_CHECK_MAX, max(1, SAMPLE_ROWS_MAX // max(1, len(checks))))
    report = run_checks(rows, checks, sample_rows_max=rows_each, line_of_first_row=work.line_of_first_row)
    plain = report.to_plain()
    return CheckedTable(passed=report.passed, check_ids=work.check_ids, results=plain["results"])
