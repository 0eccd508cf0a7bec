"""What stands in the timeline of an incident, and what its row says of when it is looked at next."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.incidents.models import IncidentEventRow, IncidentRow
from lyceum.data.incidents.seeing import earliest, shortened
from lyceum.kernel.ids import new_id
from lyceum.kernel.realtime.news import tell_after_commit

INCIDENTS = "incidents"
SEEN_KEPT_MAX = 500
"""Times that trouble was seen, in one timeline; the incident itself counts on."""
_TIDY_EVERY = 100


def stream_of(org_id: UUID) -> str:
    """Return the stream that tells what becomes of an organisation's incidents."""
    return f"{INCIDENTS}/{org_id}"


async def note(
    tx: AsyncSession,
    row: IncidentRow,
    kind: str,
    *,
    by: UUID | None = None,
    comment: str = "",
    data: dict[str, Any] | None = None,
    source: str | None = None,
) -> UUID | None:
    """Add a line to a timeline, tell whoever follows, and return its id; None where its source has been told of before."""
    line = insert(IncidentEventRow).values(
        id=new_id(),
        org_id=row.org_id,
        incident_id=row.id,
        kind=kind,
        user_id=by,
        comment=comment,
        data=data or {},
        source=source,
    )
    if source is not None:
        line = line.on_conflict_do_nothing(
            index_elements=["org_id", "source"], index_where=IncidentEventRow.source.is_not(None)
        )
    line_id: UUID | None = await tx.scalar(line.returning(IncidentEventRow.id))
    if line_id is not None:
        tell_after_commit(tx, stream_of(row.org_id), {"incident": str(row.id), "kind": kind})
    return line_id


async def was_told(tx: AsyncSession, org_id: UUID, source: str) -> bool:
    """Say whether a source stands in any timeline of the organisation."""
    query = select(IncidentEventRow.id).where(IncidentEventRow.org_id == org_id, IncidentEventRow.source == source)
    return await tx.scalar(query) is not None


async def incident_told_of(tx: AsyncSession, source: str) -> IncidentRow | None:
    """Return the incident in whose timeline a source stands, of the organisation `tx` works for; None for none."""
    query = select(IncidentRow).join(IncidentEventRow, IncidentEventRow.incident_id == IncidentRow.id)
    return await tx.scalar(query.where(IncidentEventRow.source == source))


async def tidy(tx: AsyncSession, row: IncidentRow) -> None:
    """Remove the oldest of very many times that trouble was seen."""
    if row.occurrences <= SEEN_KEPT_MAX or row.occurrences % _TIDY_EVERY:
        return
    seen = (
        select(IncidentEventRow.id)
        .where(IncidentEventRow.incident_id == row.id, IncidentEventRow.kind == "seen")
        .order_by(IncidentEventRow.id.desc())
        .offset(SEEN_KEPT_MAX)
    )
    await tx.execute(delete(IncidentEventRow).where(IncidentEventRow.id.in_(seen)))


def look_again(row: IncidentRow) -> datetime | None:
    """Return when a round has something to do with an incident next."""
    if row.state == "resolved":
        return None
    return earliest(
        row.acknowledge_due_at if row.state == "open" and row.acknowledge_breached_at is None else None,
        row.resolve_due_at if row.resolve_breached_at is None else None,
        row.snoozed_until,
    )


def told_of(*, summary: str, version_id: UUID | None, evidence: dict[str, Any], severity: str | None) -> dict[str, Any]:
    """Return what a line says that something was seen by."""
    facts = {"summary": shortened(summary), "version_id": str(version_id) if version_id else None, "severity": severity}
    return facts | {"evidence": evidence}
