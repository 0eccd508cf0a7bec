"""What became of an organisation's incidents in a week, told to those who say who is told of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Power, members_with
from lyceum.data.incidents.models import IncidentRow, IncidentSettingsRow
from lyceum.data.incidents.work import TellOfWeek
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.tx import transaction
from lyceum.notify.public import IncidentWeek, notify

_WEEK = timedelta(days=7)


async def tell_of_week(run: JobRun, _args: TellOfWeek) -> dict[str, bool]:
    """Tell of the last seven days, once a week, where there was anything to tell."""
    async with transaction(run.resources.database, run.scope) as tx:
        org_id = run.scope.org_id
        row = await tx.get(IncidentSettingsRow, org_id, with_for_update=True) if org_id is not None else None
        if row is None or not row.weekly_digest:
            return {"told": False}
        now = datetime.now(UTC)
        year, week, _ = (now.astimezone(ZoneInfo(row.zone)) - timedelta(days=1)).isocalendar()
        name = f"{year}-W{week:02}"
        if row.week_told == name:
            return {"told": False}
        await tx.execute(
            update(IncidentSettingsRow).where(IncidentSettingsRow.org_id == row.org_id).values(week_told=name)
        )
        notice = await _week(tx, name, since=now - _WEEK, now=now)
        if notice is None:
            return {"told": False}
        to = await members_with(tx, row.org_id, Power.ALERTS_MANAGE)
        await notify(tx, notice, to, collapse_key=f"incident_week:{name}")
        return {"told": True}


async def _week(tx: AsyncSession, name: str, *, since: datetime, now: datetime) -> IncidentWeek | None:
    is_open = IncidentRow.state != "resolved"
    late = (IncidentRow.resolve_breached_at.is_not(None)) | (IncidentRow.resolve_due_at < now)
    counted = select(
        func.count().filter(IncidentRow.created_at > since),
        func.count().filter(IncidentRow.resolved_at > since),
        func.count().filter(is_open),
        func.count().filter(is_open, late),
    ).where(is_open | (IncidentRow.resolved_at > since))
    opened, resolved, unresolved, overdue = (await tx.execute(counted)).one()
    if not (opened or resolved or unresolved):
        return None
    return IncidentWeek(week=name, opened=opened, resolved=resolved, unresolved=unresolved, overdue=overdue)
