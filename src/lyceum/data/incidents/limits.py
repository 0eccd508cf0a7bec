"""How long an organisation takes for incidents: read, and changed."""

from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power, require
from lyceum.data.incidents.errors import OrganisationOther, ZoneUnknown
from lyceum.data.incidents.models import IncidentSettingsRow
from lyceum.data.incidents.schemas import IncidentSettings, IncidentSettingsChange
from lyceum.data.incidents.seeing import DEFAULT_LIMITS, Limits
from lyceum.data.incidents.work import TellOfWeek
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.jobs.recurring import put_schedule, remove_schedule

WEEK_AT = "0 7 * * 1"
"""On Mondays at seven in the morning of the organisation."""
_WEEK = "incidents.week"
_DEFAULT_ZONE = "UTC"
_FIRST_REVISION = 1


async def limits_of(tx: AsyncSession, org_id: UUID) -> Limits:
    """Return how long an organisation takes, in minutes."""
    row = await tx.get(IncidentSettingsRow, org_id)
    if row is None:
        return DEFAULT_LIMITS
    return Limits(
        DEFAULT_LIMITS.acknowledge | row.acknowledge_minutes,
        DEFAULT_LIMITS.resolve | row.resolve_minutes,
        row.reopen_minutes,
    )


async def begin_weeks(tx: AsyncSession, org_id: UUID) -> None:
    """Have an organisation told of its weeks from its first incident on, unless it has said what it wants."""
    row = insert(IncidentSettingsRow).values(
        org_id=org_id,
        acknowledge_minutes=DEFAULT_LIMITS.acknowledge,
        resolve_minutes=DEFAULT_LIMITS.resolve,
        reopen_minutes=DEFAULT_LIMITS.reopen_minutes,
        weekly_digest=True,
        zone=_DEFAULT_ZONE,
        revision=_FIRST_REVISION,
    )
    if await tx.scalar(row.on_conflict_do_nothing().returning(IncidentSettingsRow.org_id)) is not None:
        await put_schedule(tx, _WEEK, TellOfWeek(), cron=WEEK_AT, zone=_DEFAULT_ZONE)


async def settings_for(tx: AsyncSession, who: Actor, org: str) -> IncidentSettings:
    """Return what the organisation acted in wants of incidents; revision 1 is what the hub does by itself."""
    org_id = organisation_for(who, org, need=Power.DATASETS_READ)
    return _as_settings(await tx.get(IncidentSettingsRow, org_id))


async def change_settings(
    tx: AsyncSession, who: Actor, org: str, wanted: IncidentSettingsChange, *, if_match: str | None
) -> IncidentSettings:
    """Change what the organisation acted in wants of incidents; those that are open keep their limits.

    Raises `ZoneUnknown`, and what `require_revision` raises.
    """
    org_id = organisation_for(who, org, need=Power.ALERTS_MANAGE)
    require_zone(wanted.zone)
    # so that there is a row to lock, and of two who change it at once one is told
    await begin_weeks(tx, org_id)
    before = _as_settings(await tx.get(IncidentSettingsRow, org_id, with_for_update=True, populate_existing=True))
    require_revision(if_match, before.revision, newest=before)
    note_audit(before=before)
    values = {
        "acknowledge_minutes": wanted.acknowledge_minutes.model_dump(),
        "resolve_minutes": wanted.resolve_minutes.model_dump(),
        "reopen_minutes": wanted.reopen_minutes,
        "weekly_digest": wanted.weekly_digest,
        "zone": wanted.zone,
        "revision": before.revision + 1,
    }
    await tx.execute(update(IncidentSettingsRow).where(IncidentSettingsRow.org_id == org_id).values(values))
    if wanted.weekly_digest:
        await put_schedule(tx, _WEEK, TellOfWeek(), cron=WEEK_AT, zone=wanted.zone)
    else:
        await remove_schedule(tx, _WEEK)
    return IncidentSettings(**wanted.model_dump(), revision=before.revision + 1)


def organisation_for(who: Actor, org: str, *, need: Power) -> UUID:
    """Return the id of the organisation acted in, which must be `org`; raises `OrganisationOther` and `NotAllowed`."""
    org_id = require(who, need)
    if org != who.org_name:
        raise OrganisationOther(f"You are not acting in an organisation {org[:64]!r}.")
    return org_id


def require_zone(zone: str) -> None:
    """Return where a time zone of that name is known; raises `ZoneUnknown`."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ZoneUnknown(f"There is no time zone {zone[:64]!r}; write one such as Europe/Berlin.") from None


def _as_settings(row: IncidentSettingsRow | None) -> IncidentSettings:
    if row is None:
        return IncidentSettings(
            acknowledge_minutes=DEFAULT_LIMITS.acknowledge,
            resolve_minutes=DEFAULT_LIMITS.resolve,
            reopen_minutes=DEFAULT_LIMITS.reopen_minutes,
            weekly_digest=True,
            zone=_DEFAULT_ZONE,
            revision=_FIRST_REVISION,
        )
    return IncidentSettings(
        acknowledge_minutes=row.acknowledge_minutes,
        resolve_minutes=row.resolve_minutes,
        reopen_minutes=row.reopen_minutes,
        weekly_digest=row.weekly_digest,
        zone=row.zone,
        revision=row.revision,
    )
