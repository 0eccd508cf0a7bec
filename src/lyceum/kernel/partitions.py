"""Tables in months: partitions made ahead, and dropped when all in them is older than it is kept.

A table that is kept so has a column `at` and is named in `definer.partitions_are_kept`; a job of its module calls
`keep_months`. Rows of a month without a partition fall into the DEFAULT one, which is told and mended.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import aside, transaction

MONTHS_AHEAD = 2
FORGET_AT_ONCE = 5000
_BUSY_SQLSTATE = "55P03"

_MAKE = text("SELECT definer.partitions_make(:table, :ahead)")
_DROP = text("SELECT definer.partitions_drop_one(:table, :before)")
_FORGET = text("SELECT definer.partitions_forget(:table, :before, :at_most)")
_FALLEN = text("SELECT definer.partitions_fallen(:table)")

fallen_rows = Gauge(
    "lyceum_partition_default_rows", "Rows of a month that has no partition", ["table"], registry=registry
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MonthsKept:
    """What was done: partitions made and dropped, rows removed one by one, and rows that fell beside all months."""

    made: tuple[str, ...]
    dropped: tuple[str, ...]
    removed_rows: int
    fallen_rows: int


async def keep_months(database: Database, table: str, *, before: datetime) -> MonthsKept:
    """Make the table's next months and remove what is older than `before`: whole months dropped, the rest in batches.

    Each step is a short transaction of its own. What somebody's lock keeps from being made or dropped for two seconds is
    left to the next time, and logged.
    """
    made: list[str] = await _unless_busy(database, _MAKE, {"table": table, "ahead": MONTHS_AHEAD}) or []
    dropped: list[str] = []
    while name := await _unless_busy(database, _DROP, {"table": table, "before": before}):
        dropped.append(name)
    kept = {"table": table, "before": before}
    removed = await forget_in_batches(database, _FORGET, kept, at_once=FORGET_AT_ONCE)
    fallen = int(await _said(database, _FALLEN, {"table": table}) or 0)
    if fallen:
        log.warning("rows fell beside the months of a table", extra={"table": table, "rows": fallen})
    return MonthsKept(tuple(made), tuple(dropped), removed, fallen)


async def count_fallen(database: Database, tables: tuple[str, ...]) -> None:
    """Bring the figure of rows beside all months up to date; without the database it stays as it was."""
    try:
        for table in tables:
            async with aside(database, NOBODY) as tx:
                fallen_rows.labels(table).set(int(await tx.scalar(_FALLEN, {"table": table}) or 0))
    except (SQLAlchemyError, OSError, Unavailable) as error:
        log.warning("the partitions could not be counted", extra={"cause": str(error)})


async def _unless_busy(database: Database, statement: Any, values: dict[str, Any]) -> Any:
    try:
        return await _said(database, statement, values)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _BUSY_SQLSTATE:
            raise
        log.warning(
            "a table is too busy for its months to be changed; trying again later", extra={"table": values["table"]}
        )
        return None


async def _said(database: Database, statement: Any, values: dict[str, Any]) -> Any:
    async with transaction(database, NOBODY) as tx:
        return await tx.scalar(statement, values)
