"""What became of an organisation's incidents in a week, told to those who say who is told of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Power, members_with
from lyceum.data.datasets.public import addresses_of_datasets
from lyceum.data.incidents.models import IncidentRow, IncidentSettingsRow
from lyceum.data.incidents.saying import about
from lyceum.data.incidents.work import TellOfWeek
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.tx import transaction
from lyceum.notify.public import IncidentWeek, notify

_WEEK = timedelta(days=7)
_NAMED_MAX = 5
_NOTHING = "-"


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
    return IncidentWeek(
        week=name,
        opened=opened,
        resolved=resolved,
        unresolved=unresolved,
        overdue=overdue,
        most=await _most(tx, since=since),
        oldest=await _oldest(tx),
    )


async def _most(tx: AsyncSession, *, since: datetime) -> str:
    """Return the datasets with the most incidents that were seen since then, with how many those are."""
    count = func.count()
    query = (
        select(IncidentRow.dataset_id, count)
        .where(IncidentRow.last_seen_at > since)
        .group_by(IncidentRow.dataset_id)
        .order_by(count.desc(), IncidentRow.dataset_id)
        .limit(_NAMED_MAX)
    )
    found = (await tx.execute(query)).all()
    addresses = await addresses_of_datasets(tx, {dataset_id for dataset_id, _ in found})
    return ", ".join(f"{addresses.get(dataset_id, '?')} ({times:,})" for dataset_id, times in found) or _NOTHING


async def _oldest(tx: AsyncSession) -> str:
    """Return what has been open longest, with the day on which each was seen first."""
    query = (
        select(IncidentRow)
        .where(IncidentRow.state != "resolved")
        .order_by(IncidentRow.first_seen_at, IncidentRow.id)
        .limit(_NAMED_MAX)
    )
    rows = (await tx.scalars(query)).all()
    addresses = await addresses_of_datasets(tx, {row.dataset_id for row in rows})
    named = (f"{about(row, addresses.get(row.dataset_id, '?'))} ({row.first_seen_at:%Y-%m-%d})" for row in rows)
    return "; ".join(named) or _NOTHING
