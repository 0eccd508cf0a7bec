"""Running checks over a version's rows, in a process of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lyceum.data.datasets.rows.public import scan_unmasked
from lyceum.data.quality.engine.public import Check, Surroundings, checks_from_plain, reference_of, run_checks
from lyceum.data.quality.masking import masked_result
from lyceum.data.quality.work import CheckedTable, CheckWork, TableAt
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

if TYPE_CHECKING:
    import polars as pl

SAMPLE_ROWS_PER_CHECK_MAX = 10
SAMPLE_ROWS_MAX = 500
"""Of all checks together, so that a thousand of them make no answer of many megabytes; each may have one all the same."""
SET_VALUES_MAX = 20
"""Of a set, in its result; the check itself has them all."""
TEXT_CHARS_MAX = 200


def scan_checks(work: CheckWork, side: ChildSide) -> CheckedTable:
    """Run the checks in as few passes over the table as the engine needs."""
    del side
    rows = scan_unmasked(open_storage(settings()), work.table_key, work.delta_version)
    checks = checks_from_plain(work.definitions)
    rows_each = min(SAMPLE_ROWS_PER_CHECK_MAX, max(1, SAMPLE_ROWS_MAX // max(1, len(checks))))
    report = run_checks(
        rows,
        checks,
        sample_rows_max=rows_each,
        line_of_first_row=work.line_of_first_row,
        masked=work.marks,
        around=_around(work, checks),
    )
    results = [masked_result(_with_short_check(result), work.marks) for result in report.to_plain()["results"]]
    return CheckedTable(passed=report.passed, check_ids=work.check_ids, results=results)


def _around(work: CheckWork, checks: Sequence[Check]) -> Surroundings:
    """Return what the checks compare with: other versions of the table, and other tables."""

    def table_at(at: TableAt) -> "pl.LazyFrame":
        return scan_unmasked(open_storage(settings()), at.table_key, at.delta_version)

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


def _with_short_check(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "check": _shortened(result["check"])}


def _shortened(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a check's definition as its results show it: of a set the first values, and how many are left out."""
    values = definition.get("values")
    if values is None:
        return definition
    short = {**definition, "values": [_cut(value) for value in values[:SET_VALUES_MAX]]}
    omitted = len(values) - SET_VALUES_MAX
    return {**short, "values_omitted": omitted} if omitted > 0 else short


def _cut(value: Any) -> Any:
    long = isinstance(value, str) and len(value) > TEXT_CHARS_MAX
    return f"{value[: TEXT_CHARS_MAX - 1]}…" if long else value
