"""The job that looks for the odd rows of a version."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import version_table_by_id
from lyceum.data.quality.oddrows.errors import OddRowSearchNotFound
from lyceum.data.quality.oddrows.models import OddRowSearchRow
from lyceum.data.quality.oddrows.work import FindOddRows, OddRowsFound, OddRowsToFind
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.tx import transaction

CALLED_OFF = {"code": "cancelled", "title": "Called off", "status": 409, "detail": "The search was called off."}


async def _prepare(run: JobRun, args: FindOddRows) -> OddRowsToFind:
    async with transaction(run.resources.database, run.scope) as tx:
        row = await _search(tx, args.search_id)
        table = await version_table_by_id(tx, row.version_id)
        return OddRowsToFind(
            table_key=table.table_key,
            delta_version=table.delta_version,
            rows_max=row.rows_max,
            marks=dict(table.marks),
        )


async def _conclude(tx: AsyncSession, _run: JobRun, args: FindOddRows, found: OddRowsFound) -> None:
    row = await _search(tx, args.search_id)
    row.state, row.result, row.finished_at = "done", msgspec.to_builtins(found), datetime.now(UTC)
    await tx.flush()


async def _gave_up(tx: AsyncSession, args: FindOddRows, error: dict[str, Any] | None, state: str) -> None:
    row = await _search(tx, args.search_id)
    if row.state != "queued":
        return
    row.state, row.finished_at = "failed", datetime.now(UTC)
    row.error = CALLED_OFF if state == "cancelled" else error
    await tx.flush()


async def _search(tx: AsyncSession, search_id: UUID) -> OddRowSearchRow:
    row = await tx.get(OddRowSearchRow, search_id, with_for_update=True)
    if row is None:
        raise OddRowSearchNotFound(f"There is no search for odd rows {search_id}.")
    return row


HANDLERS = (
    HeavyHandler(
        args_type=FindOddRows,
        prepare=_prepare,
        compute="lyceum.data.quality.oddrows.finding:find",
        output_type=OddRowsFound,
        conclude=_conclude,
        gave_up=_gave_up,
    ),
)
