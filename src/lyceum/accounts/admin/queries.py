"""Reads for whoever runs the hub, across organisations."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.admin.errors import PersonNotFound
from lyceum.accounts.admin.schemas import HubSchedule, OrganisationOf, OrganisationSummary, Person
from lyceum.accounts.errors import OrganisationNotFound
from lyceum.accounts.groups.queries import as_group
from lyceum.accounts.groups.schemas import Group
from lyceum.accounts.policy import Actor, require_operator
from lyceum.accounts.queries import find_organisation_id
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

_PEOPLE = text("SELECT * FROM definer.admin_users(:search, CAST(:one AS uuid), CAST(:before AS uuid), :at_most)")
_ORGANISATIONS = text("SELECT * FROM definer.admin_organisations(:search, CAST(:after AS uuid), :at_most)")
_GROUPS = text("SELECT * FROM definer.admin_groups(:org, CAST(:before AS uuid), :at_most)")
_SCHEDULES = text("SELECT * FROM definer.admin_schedules(CAST(:after AS uuid), :at_most)")


async def list_people(
    tx: AsyncSession, who: Actor, *, search: str | None, limit: int, before: UUID | None = None
) -> list[Person]:
    """Return people of the hub, newest first, in one query."""
    require_operator(who)
    asked = {"search": search, "one": None, "before": before, "at_most": limit}
    return [_as_person(row) for row in await tx.execute(_PEOPLE, asked)]


async def person_for(tx: AsyncSession, who: Actor, user_id: UUID) -> Person:
    """Return a person of the hub; raises `PersonNotFound`."""
    require_operator(who)
    row = (await tx.execute(_PEOPLE, {"search": None, "one": user_id, "before": None, "at_most": 1})).one_or_none()
    if row is None:
        raise PersonNotFound(f"There is no person {user_id} on this hub.")
    return _as_person(row)


async def list_organisations(
    tx: AsyncSession, who: Actor, *, search: str | None, limit: int, after: UUID | None = None
) -> list[OrganisationSummary]:
    """Return the hub's organisations, oldest first, in one query."""
    require_operator(who)
    asked = {"search": search, "after": after, "at_most": limit}
    return [OrganisationSummary.model_validate(dict(row._mapping)) for row in await tx.execute(_ORGANISATIONS, asked)]  # noqa: SLF001 its public name


async def list_groups(tx: AsyncSession, who: Actor, org: str, *, limit: int, before: UUID | None = None) -> list[Group]:
    """Return the groups of an organisation, newest first: in one query unless there are none.

    Raises `OrganisationNotFound`.
    """
    require_operator(who)
    found = [as_group(row) for row in await tx.execute(_GROUPS, {"org": org, "before": before, "at_most": limit})]
    if not found and await find_organisation_id(tx, org) is None:
        raise OrganisationNotFound(f"There is no organisation called {org!r}.")
    return found


async def list_schedules(
    tx: AsyncSession, who: Actor, *, limit: int, after: UUID | None = None
) -> tuple[list[HubSchedule], list[UUID]]:
    """Return what comes round for organisations, and the ids to go on from."""
    require_operator(who)
    rows = (await tx.execute(_SCHEDULES, {"after": after, "at_most": limit})).all()
    found = [
        HubSchedule(
            organisation=row.org_name,
            name=row.name,
            kind=row.kind,
            cron=row.cron,
            zone=row.zone,
            every_seconds=None,
            next_at=row.next_at,
            last_job_id=row.last_job_id,
        )
        for row in rows
    ]
    return found, [row.id for row in rows]


async def database_release(resources: Resources) -> str:
    """Return PostgreSQL's release, such as `17.6`."""
    async with aside(resources.database, NOBODY, writes=False) as tx:
        said: str = await tx.scalar(text("SHOW server_version")) or ""
    return said.partition(" ")[0]


def schedules_of_hub(schedules: Iterable[Schedule]) -> list[HubSchedule]:
    """Return what comes round for the hub itself."""
    now = datetime.now(UTC).timestamp()
    found = []
    for schedule in schedules:
        kind, every = schedule.make().kind, schedule.every_seconds
        next_at = datetime.fromtimestamp((now // every + 1) * every, UTC)
        found.append(
            HubSchedule(
                organisation=None,
                name=kind,
                kind=kind,
                cron=None,
                zone=None,
                every_seconds=every,
                next_at=next_at,
                last_job_id=None,
            )
        )
    return found


def _as_person(row: Row[tuple[object, ...]]) -> Person:
    return Person(
        id=row.id,
        email=row.email,
        display_name=row.display_name,
        administrator=row.instance_admin,
        suspended_at=row.suspended_at,
        created_at=row.created_at,
        deletion_due_at=row.deletion_due_at,
        organisations=[OrganisationOf.model_validate(one) for one in row.organisations],
    )
