"""What people do with incidents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, member_names
from lyceum.data.datasets.public import acting_on_dataset
from lyceum.data.incidents.errors import (
    AssigneeUnknown,
    IncidentNotFound,
    IncidentNotResolved,
    IncidentOpenAlready,
    IncidentResolved,
    SnoozeInvalid,
)
from lyceum.data.incidents.limits import limits_of
from lyceum.data.incidents.models import IncidentEventRow, IncidentRow
from lyceum.data.incidents.opening import open_again, tell_of
from lyceum.data.incidents.queries import as_event, as_incidents, incident_row_for
from lyceum.data.incidents.schemas import Incident, IncidentEvent, Resolution
from lyceum.data.incidents.timeline import look_again, note

SNOOZE_MAX = timedelta(days=90)


async def acknowledge(tx: AsyncSession, who: Actor, incident_id: UUID, *, comment: str) -> Incident:
    """Say that the caller looks after an incident, which is theirs where it was nobody's; raises `IncidentResolved`.

    Acknowledging it again only leaves the comment.
    """
    async with _acting(tx, who, incident_id) as row:
        _refuse_resolved(row)
        if row.state == "open":
            row.state, row.acknowledged_by, row.acknowledged_at = "acknowledged", who.user_id, datetime.now(UTC)
            if row.assignee_id is None and await _is_member(tx, row.org_id, who.user_id):
                row.assignee_id = who.user_id
            row.look_at = look_again(row)
            await note(tx, row, "acknowledged", by=who.user_id, comment=comment)
            await tell_of(tx, row.id, "acknowledged")
        elif comment:
            await note(tx, row, "commented", by=who.user_id, comment=comment)
        return await _changed(tx, row)


async def assign(tx: AsyncSession, who: Actor, incident_id: UUID, *, to: UUID | None) -> Incident:
    """Name who looks after an incident, None for nobody in particular; raises `AssigneeUnknown`, `IncidentResolved`."""
    async with _acting(tx, who, incident_id) as row:
        _refuse_resolved(row)
        if to is not None and not await _is_member(tx, row.org_id, to):
            raise AssigneeUnknown(f"Nobody with the id {to} is a member of the organisation; choose one who is.")
        if to != row.assignee_id:
            row.assignee_id = to
            data = {"to": str(to) if to is not None else None}
            await note(tx, row, "assigned", by=who.user_id, data=data)
        return await _changed(tx, row)


async def snooze(tx: AsyncSession, who: Actor, incident_id: UUID, *, until: datetime | None, comment: str) -> Incident:
    """Have nobody hear of an incident until then; None ends that. Its time limits run on.

    Raises `SnoozeInvalid` for a time that has passed or is too far off, and `IncidentResolved`.
    """
    now = datetime.now(UTC)
    if until is not None and not now < until <= now + SNOOZE_MAX:
        raise SnoozeInvalid(f"Choose a time to come, within {SNOOZE_MAX.days} days.")
    async with _acting(tx, who, incident_id) as row:
        _refuse_resolved(row)
        if until is None and row.snoozed_until is None:
            return await _changed(tx, row)
        row.snoozed_until = until
        row.look_at = look_again(row)
        kind = "snoozed" if until is not None else "woken"
        data = {"until": until.isoformat()} if until is not None else {}
        await note(tx, row, kind, by=who.user_id, comment=comment, data=data)
        return await _changed(tx, row)


async def resolve(tx: AsyncSession, who: Actor, incident_id: UUID, *, resolution: Resolution, comment: str) -> Incident:
    """Say that an incident is over, and why; raises `IncidentResolved`."""
    async with _acting(tx, who, incident_id) as row:
        _refuse_resolved(row)
        row.state, row.resolution, row.resolved_by = "resolved", resolution, who.user_id
        row.resolved_at, row.snoozed_until, row.look_at = datetime.now(UTC), None, None
        await note(tx, row, "resolved", by=who.user_id, comment=comment, data={"resolution": resolution})
        await tell_of(tx, row.id, "resolved")
        return await _changed(tx, row)


async def reopen(tx: AsyncSession, who: Actor, incident_id: UUID, *, comment: str) -> Incident:
    """Say that an incident is not over; raises `IncidentNotResolved`, and `IncidentOpenAlready` where another is open."""
    async with _acting(tx, who, incident_id) as row:
        if row.state != "resolved":
            raise IncidentNotResolved("The incident is not resolved, so there is nothing to open again.")
        limits = await limits_of(tx, row.org_id)
        try:
            async with tx.begin_nested():
                open_again(row, limits, datetime.now(UTC))
                await tx.flush()
        except IntegrityError:
            raise IncidentOpenAlready("Another incident about the same thing is open; go on with that one.") from None
        await note(tx, row, "reopened", by=who.user_id, comment=comment)
        await tell_of(tx, row.id, "reopened")
        return await _changed(tx, row)


async def comment_on(tx: AsyncSession, who: Actor, incident_id: UUID, *, comment: str) -> IncidentEvent:
    """Leave a comment on an incident in whatever state."""
    async with _acting(tx, who, incident_id) as row:
        line_id = await note(tx, row, "commented", by=who.user_id, comment=comment)
        line = await tx.get(IncidentEventRow, line_id)
        if line is None or who.user_id is None:
            raise AssertionError("the line was just written, by somebody")
        return as_event(line, await member_names(tx, row.org_id, {who.user_id}))


@asynccontextmanager
async def _acting(tx: AsyncSession, who: Actor, incident_id: UUID) -> AsyncIterator[IncidentRow]:
    """Yield an incident locked, while `tx` works for its organisation; raises `IncidentNotFound` and `NotAllowed`."""
    seen = await incident_row_for(tx, who, incident_id)
    async with acting_on_dataset(tx, who, seen.dataset_id, seen.org_id, need=Power.INCIDENTS_ACT):
        row = await tx.get(IncidentRow, incident_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise IncidentNotFound(f"There is no incident {incident_id} that you may change.")
        yield row


async def _changed(tx: AsyncSession, row: IncidentRow) -> Incident:
    await tx.flush()
    [incident] = await as_incidents(tx, [row])
    return incident


async def _is_member(tx: AsyncSession, org_id: UUID, user_id: UUID | None) -> bool:
    return user_id is not None and user_id in await member_names(tx, org_id, {user_id})


def _refuse_resolved(row: IncidentRow) -> None:
    if row.state == "resolved":
        raise IncidentResolved("The incident is resolved; open it again first.")
