"""Reading the prediction log in its own order, for a job that works as its organisation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_WRITTEN = text("SELECT definer.predictions_written()")
_NOT_HANDED = text("SELECT org_id, model_id FROM definer.predictions_not_handed(:up_to)")
_HANDED = text("SELECT definer.predictions_handed(:up_to)")
_ROWS = text("""
    SELECT id, at, request_id, inputs, outputs FROM prediction_log
    WHERE model_version_id = :version AND id > :after AND id <= :up_to
    ORDER BY id LIMIT :at_most
""")


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """A predicted row: what the model was given, without what was missing, and what it answered."""

    id: int
    at: datetime
    request_id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


async def written_up_to(tx: AsyncSession) -> int:
    """Return the id up to which the log is complete for transactions that begin now; commit soon, writers wait."""
    return int(await tx.scalar(_WRITTEN) or 0)


async def models_not_handed(tx: AsyncSession, *, up_to: int) -> list[tuple[UUID, UUID]]:
    """Return (organisation, model) of what was logged since `hand` was last called, up to an id."""
    return [(row.org_id, row.model_id) for row in await tx.execute(_NOT_HANDED, {"up_to": up_to})]


async def hand(tx: AsyncSession, *, up_to: int) -> None:
    """Note that jobs see to all rows up to an id."""
    await tx.execute(_HANDED, {"up_to": up_to})


async def rows_logged(
    tx: AsyncSession, model_version_id: UUID, *, after: int, up_to: int, limit: int
) -> Sequence[LoggedRow]:
    """Return a model version's next rows of the log in the order of their ids: one range of an index."""
    asked = {"version": model_version_id, "after": after, "up_to": up_to, "at_most": limit}
    return [
        LoggedRow(row.id, row.at, row.request_id, row.inputs, row.outputs) for row in await tx.execute(_ROWS, asked)
    ]
