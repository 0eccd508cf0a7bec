"""Taking the rows that failed checks, in a process of its own."""

from typing import TYPE_CHECKING

import msgspec

from lyceum.data.datasets.rows.public import AcceptedTable, scan_unmasked, take_in_rows
from lyceum.data.quality.engine.public import checks_from_plain, failing_rows
from lyceum.data.quality.quarantine.errors import NothingToQuarantine
from lyceum.data.quality.quarantine.work import Quarantining
from lyceum.data.quality.scan import around_of
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import open_storage

if TYPE_CHECKING:
    import polars as pl

QUARANTINE = "quarantine"
"""The format that a version made of failing rows has been read from."""


def quarantine(work: Quarantining, side: ChildSide) -> AcceptedTable:
    """Commit the failing rows as a version; running it again commits nothing twice. Raises `NothingToQuarantine`."""
    side.event({"fraction": 0.05, "note": "looking for failing rows"})
    table = take_in_rows(rows_to_quarantine(work), work.intake, side)
    return msgspec.structs.replace(table, source={**table.source, **work.origin, "format": QUARANTINE})


def rows_to_quarantine(work: Quarantining) -> "pl.LazyFrame":
    """Return the failing rows as they are to be kept, not yet read: the one place that all of them come through."""
    checks = checks_from_plain(work.definitions)
    table = scan_unmasked(open_storage(settings()), work.table_key, work.delta_version)
    rows = failing_rows(table, checks, around=around_of(work, checks))
    if rows is None:
        raise NothingToQuarantine(
            "No row fails these checks any more; run the checks again and look at what they find."
        )
    return rows
