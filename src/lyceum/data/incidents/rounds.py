"""What comes round: time limits that have passed are marked once, rests end, and what was resolved long ago goes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from lyceum.data.incidents.models import IncidentRow
from lyceum.data.incidents.opening import tell_of
from lyceum.data.incidents.timeline import look_again, note
from lyceum.data.incidents.work import ForgetIncidents, LookAtIncidents
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

LOOKED_AT_ONCE = 500
FORGET_AT_ONCE = 1_000

_DUE = text("SELECT id, org_id FROM definer.incidents_due(:at_most)")
_FORGET = text("SELECT definer.incidents_forget(:older_than, :at_most)")


async def look_at_incidents(run: JobRun, _args: LookAtIncidents) -> dict[str, int]:
    """Return how many incidents were looked at."""
    async with transaction(run.resources.database, NOBODY) as tx:
        due = (await tx.execute(_DUE, {"at_most": LOOKED_AT_ONCE})).all()
    for found in due:
        await look_at(run.resources, found.org_id, found.id)
    return {"looked_at": len(due)}


async def look_at(resources: Resources, org_id: UUID, incident_id: UUID) -> None:
    """Mark what has passed of an incident; a second look changes nothing."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        row = await tx.get(IncidentRow, incident_id, with_for_update=True)
        now = datetime.now(UTC)
        if row is None or row.look_at is None or row.look_at > now:
            return
        overdue = woken = False
        if row.state == "open" and _passed(row.acknowledge_due_at, now) and row.acknowledge_breached_at is None:
            row.acknowledge_breached_at, overdue = now, True
            await note(tx, row, "acknowledge_overdue")
        if _passed(row.resolve_due_at, now) and row.resolve_breached_at is None:
            row.resolve_breached_at, overdue = now, True
            await note(tx, row, "resolve_overdue")
        if _passed(row.snoozed_until, now):
            row.snoozed_until, woken = None, row.state == "open"
            await note(tx, row, "woken")
        row.look_at = look_again(row)
        await tx.flush()
        if woken:
            await tell_of(tx, row.id, "woken")
        elif overdue and row.snoozed_until is None:
            await tell_of(tx, row.id, "overdue")


async def forget_incidents(run: JobRun, _args: ForgetIncidents) -> dict[str, int]:
    """Return how many incidents were removed."""
    kept = {"older_than": timedelta(days=run.resources.settings.incidents_kept_days)}
    return {"removed": await forget_in_batches(run.resources.database, _FORGET, kept, at_once=FORGET_AT_ONCE)}


def _passed(limit: datetime | None, now: datetime) -> bool:
    return limit is not None and limit <= now
