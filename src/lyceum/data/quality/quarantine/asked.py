"""Which checks of a run name failing rows, as they were when it ran."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.quality.definitions import shortened
from lyceum.data.quality.models import CheckResultRow, CheckRow
from lyceum.data.quality.quarantine.errors import CheckChangedSince, NothingToQuarantine

ROWS_OF_A_QUERY = "sql"
"""The kind whose failing rows are no rows of the table."""


async def failed_checks(tx: AsyncSession, check_run_id: UUID, check_id: UUID | None) -> dict[UUID, dict[str, Any]]:
    """Return the definitions of the checks of a run that name failing rows, or of one of them, by the id of the check.

    Raises `NothingToQuarantine` where there is none, and `CheckChangedSince`.
    """
    query = (
        select(CheckResultRow.result, CheckResultRow.check_id, CheckRow.definition)
        .join(CheckRow, CheckRow.id == CheckResultRow.check_id)
        .where(CheckResultRow.check_run_id == check_run_id)
        .order_by(CheckResultRow.id)
    )
    if check_id is not None:
        query = query.where(CheckResultRow.check_id == check_id)
    found = {
        row.check_id: _as_it_ran(row.result["check"], row.definition)
        for row in await tx.execute(query)
        if row.result["sample"] and row.result["check"]["kind"] != ROWS_OF_A_QUERY
    }
    if not found:
        raise NothingToQuarantine(
            "No check of this run names failing rows; those that judge a table as a whole name none."
            if check_id is None
            else "This check names no failing rows in this run; choose one that does, or leave it out for all."
        )
    return found


def _as_it_ran(kept: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Return what a check asked when it ran; of a set, only its beginning is kept with the result."""
    if "values" not in kept:
        return kept
    shown = shortened(now)
    if any(shown.get(part) != kept.get(part) for part in ("kind", "values", "values_omitted")):
        raise CheckChangedSince(
            f"The check {kept['id']} allows other values than when it ran; run the checks again, and quarantine what that finds."
        )
    return {**{part: value for part, value in kept.items() if part != "values_omitted"}, "values": now["values"]}
