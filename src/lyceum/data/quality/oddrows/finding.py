"""Looking for odd rows, in a process of its own."""

import math

from lyceum.data.datasets.rows.public import Marks, mask_of, scan_unmasked
from lyceum.data.quality.anomalies.public import Contribution, OddRow, odd_rows
from lyceum.data.quality.oddrows.work import ColumnPart, OddRowFound, OddRowsFound, OddRowsToFind
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

TEXT_CHARS_MAX = 200


def find(work: OddRowsToFind, side: ChildSide) -> OddRowsFound:
    """Return the oddest rows of a version; the same rows however often."""
    table = scan_unmasked(open_storage(settings()), work.table_key, work.delta_version)
    found = odd_rows(table, rows_max=work.rows_max, stop_if_asked=side.stop_if_asked)
    return OddRowsFound(rows=[_as_kept(row, work.marks) for row in found])


def _as_kept(row: OddRow, marks: Marks) -> OddRowFound:
    """Return a row as it is kept and shown: the one place that values of the table come through."""
    return OddRowFound(row=row.row + 1, score=row.score, columns=[_part(part, marks) for part in row.contributions])


def _part(part: Contribution, marks: Marks) -> ColumnPart:
    value = part.value
    if part.column in marks:
        masked = mask_of(marks[part.column])
        return ColumnPart(column=part.column, share=part.share, value=masked, usual=masked)
    if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
        value = f"{value[: TEXT_CHARS_MAX - 1]}…"
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such numbers
        value = str(value)
    return ColumnPart(column=part.column, share=part.share, value=value, usual=part.usual)
