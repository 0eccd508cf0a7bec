"""Reads of incidents: whoever sees none of a dataset's is told that there are none."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, true, union
from sqlalchemy import Uuid as UuidType
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import (
    Actor,
    Power,
    member_names,
    require_to_see,
)
from lyceum.data.datasets.public import (
    acts_on_dataset,
    addresses_of_datasets,
    dataset_ref_for,
    version_cards,
)
from lyceum.data.incidents.consumers import ConsumersOf, consumers_of
from lyceum.data.incidents.errors import IncidentNotFound
from lyceum.data.incidents.models import IncidentEventRow, IncidentRow
from lyceum.data.incidents.schemas import (
    Incident,
    IncidentCount,
    IncidentDetail,
    IncidentEvent,
    ListedState,
    PersonNamed,
    Severity,
)

COUNTED_MAX = 1_000
VERSIONS_LOOKED_AT_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which incidents a list shows; what is None or empty leaves none out."""

    states: Collection[ListedState] = ()
    severities: Collection[Severity] = ()
    dataset: str | None = None
    assignee_id: UUID | None = None


async def list_incidents(
    tx: AsyncSession, who: Actor, wanted: Wanted, *, limit: int, before: UUID | None = None
) -> list[Incident]:
    """Return incidents of the organisation's datasets and of those the caller was granted, those that opened last first.

    At most seven queries, however many there are. Raises `DatasetNotFound` for a dataset that the caller does not see.
    """
    require_to_see(who, Power.DATASETS_READ)
    conditions = [*_conditions(wanted), *([] if before is None else [IncidentRow.id < before])]
    if wanted.dataset is not None:
        conditions.append(IncidentRow.dataset_id == await _dataset_id(tx, who, wanted.dataset))
    # each found by an index of its own: those of the organisation, and those of each dataset that was granted
    newest = select(IncidentRow.id).where(*conditions).order_by(IncidentRow.id.desc()).limit(limit)
    own = newest.where(IncidentRow.org_id == who.org_id).subquery()
    given = select(func.unnest(func.definer.granted_ids("dataset"), type_=UuidType()).label("id")).subquery()
    of_each = newest.where(IncidentRow.dataset_id == given.c.id).lateral()
    granted = select(of_each.c.id).select_from(given).join(of_each, true())
    seen = union(select(own.c.id), granted).subquery()
    query = select(IncidentRow).join(seen, seen.c.id == IncidentRow.id).order_by(IncidentRow.id.desc()).limit(limit)
    return await as_incidents(tx, (await tx.scalars(query)).all())


async def count_incidents(tx: AsyncSession, who: Actor, *, dataset: str | None) -> IncidentCount:
    """Return how many incidents are not resolved: of a dataset, or of the organisation acted in. At most three queries."""
    require_to_see(who, Power.DATASETS_READ)
    whose = IncidentRow.org_id == who.org_id
    if dataset is not None:
        whose = IncidentRow.dataset_id == await _dataset_id(tx, who, dataset)
    some = select(IncidentRow.severity).where(whose, IncidentRow.state != "resolved").limit(COUNTED_MAX).subquery()
    query = select(func.count(), func.count().filter(some.c.severity == "critical")).select_from(some)
    row = (await tx.execute(query)).one()
    return IncidentCount(unresolved=row[0], critical=row[1])


async def incident_for(
    tx: AsyncSession, who: Actor, incident_id: UUID, *, asked: Sequence[ConsumersOf]
) -> IncidentDetail:
    """Return an incident with what was made of the versions it was seen on; raises `IncidentNotFound`."""
    row = await incident_row_for(tx, who, incident_id)
    [incident] = await as_incidents(tx, [row])
    cards = await version_cards(tx, [row.version_id] if row.version_id else [])
    return IncidentDetail(
        **incident.model_dump(),
        subject=row.subject,
        evidence=row.evidence,
        version_state=cards[row.version_id].state if row.version_id in cards else None,
        consumers=await consumers_of(tx, asked, await _versions_seen(tx, row)),
        may_act=await acts_on_dataset(tx, who, row.dataset_id, row.org_id, need=Power.INCIDENTS_ACT),
    )


async def incident_row_for(tx: AsyncSession, who: Actor, incident_id: UUID) -> IncidentRow:
    """Return an incident the caller sees; raises `IncidentNotFound`."""
    require_to_see(who, Power.DATASETS_READ)
    row = await tx.get(IncidentRow, incident_id)
    if row is None:
        raise IncidentNotFound(f"There is no incident {incident_id} that you may see.")
    note_audit("incident", row.id, org_id=row.org_id)
    return row


async def list_events(
    tx: AsyncSession, who: Actor, incident_id: UUID, *, limit: int, before: UUID | None = None
) -> list[IncidentEvent]:
    """Return the timeline of an incident, newest first; raises `IncidentNotFound`. Three queries."""
    row = await incident_row_for(tx, who, incident_id)
    query = (
        select(IncidentEventRow)
        .where(IncidentEventRow.incident_id == row.id)
        .order_by(IncidentEventRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(IncidentEventRow.id < before)
    events = (await tx.scalars(query)).all()
    people = {person for event in events for person in (event.user_id, _assigned_to(event)) if person is not None}
    names = await member_names(tx, row.org_id, people)
    return [as_event(event, names) for event in events]


def as_event(row: IncidentEventRow, names: dict[UUID, str]) -> IncidentEvent:
    """Return a line of a timeline as its readers see it."""
    return IncidentEvent(
        id=row.id,
        kind=row.kind,
        by=_named(row.user_id, names),
        assigned_to=_named(_assigned_to(row), names),
        comment=row.comment,
        data=row.data,
        created_at=row.created_at,
    )


def _assigned_to(row: IncidentEventRow) -> UUID | None:
    to = row.data.get("to") if row.kind == "assigned" else None
    return UUID(to) if to is not None else None


async def as_incidents(tx: AsyncSession, rows: Sequence[IncidentRow]) -> list[Incident]:
    """Return incidents as their readers see them: at most six queries, however many there are."""
    if not rows:
        return []
    addresses = await addresses_of_datasets(tx, {row.dataset_id for row in rows})
    versions = await version_cards(tx, {row.version_id for row in rows if row.version_id is not None})
    names: dict[UUID, str] = {}
    for org_id in {row.org_id for row in rows if _people_of(row)}:
        names |= await member_names(tx, org_id, {user for row in rows for user in _people_of(row)})
    return [_as_incident(row, addresses.get(row.dataset_id, "?"), versions, names) for row in rows]


def _as_incident(row: IncidentRow, address: str, versions: dict[UUID, Any], names: dict[UUID, str]) -> Incident:
    card = versions.get(row.version_id) if row.version_id is not None else None
    return Incident.model_validate(
        {
            **{name: getattr(row, name) for name in _AS_THEY_ARE},
            "dataset": address,
            "version": card.number if card is not None else None,
            "assignee": _named(row.assignee_id, names),
            "acknowledged_by": _named(row.acknowledged_by, names),
            "resolved_by": _named(row.resolved_by, names),
        }
    )


_AS_THEY_ARE = tuple(
    name
    for name in Incident.model_fields
    if name not in {"dataset", "version", "assignee", "acknowledged_by", "resolved_by"}
)


def _conditions(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    if wanted.states:
        yield _in_states(wanted.states)
    if wanted.severities:
        yield IncidentRow.severity.in_(wanted.severities)
    if wanted.assignee_id is not None:
        yield IncidentRow.assignee_id == wanted.assignee_id


def _in_states(states: Collection[ListedState]) -> ColumnElement[bool]:
    now = datetime.now(UTC)
    rests = func.coalesce(IncidentRow.snoozed_until > now, False)
    is_open = IncidentRow.state != "resolved"
    by_name: dict[str, ColumnElement[bool]] = {
        "open": and_(IncidentRow.state == "open", ~rests),
        "acknowledged": and_(IncidentRow.state == "acknowledged", ~rests),
        "snoozed": and_(is_open, rests),
        "unresolved": is_open,
        "resolved": IncidentRow.state == "resolved",
    }
    found: ColumnElement[bool] = ~true()
    for state in states:
        found = found | by_name[state]
    return and_(is_open, found) if "resolved" not in states else found


async def _dataset_id(tx: AsyncSession, who: Actor, address: str) -> UUID:
    org, _, name = address.partition("/")
    return (await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)).id


async def _versions_seen(tx: AsyncSession, row: IncidentRow) -> set[UUID]:
    version = IncidentEventRow.data["version_id"].astext
    query = (
        select(version)
        .where(IncidentEventRow.incident_id == row.id, IncidentEventRow.kind.in_(("opened", "seen", "reopened")))
        .order_by(IncidentEventRow.id.desc())
        .limit(VERSIONS_LOOKED_AT_MAX)
    )
    found = {UUID(text) for text in await tx.scalars(query) if text is not None}
    return found | ({row.version_id} if row.version_id else set())


def _people_of(row: IncidentRow) -> set[UUID]:
    return {user for user in (row.assignee_id, row.acknowledged_by, row.resolved_by) if user is not None}


def _named(user_id: UUID | None, names: dict[UUID, str]) -> PersonNamed | None:
    return PersonNamed(user_id=user_id, name=names.get(user_id)) if user_id is not None else None


async def open_incidents_of(tx: AsyncSession, dataset_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many incidents are open about each dataset, as far as they are seen; none for none: one query."""
    query = (
        select(IncidentRow.dataset_id, func.count().label("open"))
        .where(IncidentRow.dataset_id.in_(list(dataset_ids)), IncidentRow.state != "resolved")
        .group_by(IncidentRow.dataset_id)
    )
    return {row.dataset_id: row.open for row in await tx.execute(query)}
