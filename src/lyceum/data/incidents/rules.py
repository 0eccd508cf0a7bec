"""The rules of an organisation that say who is told of which incidents: read, and changed."""

from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power, member_names
from lyceum.data.incidents.errors import AlertRuleInvalid, AlertRuleNotFound, TooManyAlertRules
from lyceum.data.incidents.limits import organisation_for, require_zone
from lyceum.data.incidents.models import AlertRuleRow
from lyceum.data.incidents.routing import Hours, Rule
from lyceum.data.incidents.schemas import (
    AlertRule,
    AlertRuleList,
    AlertRuleTried,
    AlertRuleWanted,
    AlertTargets,
    ConditionsShown,
    DeliveryShown,
    DestinationNamed,
    EscalationShown,
    TargetsShown,
)
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.ids import new_id
from lyceum.notify.public import Incident, destination_cards, notify, send_to

RULES_MAX = 100
_NO_TAGS: dict[str, list[str]] = {"dataset_tags": [], "check_tags": []}
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:org_id, 2))")


async def rules_of(tx: AsyncSession, org_id: UUID) -> tuple[list[Rule], dict[UUID, int]]:
    """Return the rules that are on, in order, and for each after how many minutes it tells of the same again: two queries.

    One whose destination is gone, and whose people are, is left out: what falls under it would be told nobody.
    """
    query = select(AlertRuleRow).where(AlertRuleRow.org_id == org_id, AlertRuleRow.enabled)
    rows = (await tx.scalars(query.order_by(AlertRuleRow.position, AlertRuleRow.id).limit(RULES_MAX))).all()
    people = {UUID(person) for row in rows if row.destination_id is None for person in row.people}
    members = await member_names(tx, org_id, people)
    heard = [row for row in rows if row.destination_id is not None or any(UUID(one) in members for one in row.people)]
    return [as_asked(row) for row in heard], {row.id: int(row.delivery["repeat_minutes"]) for row in heard}


async def list_rules(tx: AsyncSession, who: Actor, org: str) -> AlertRuleList:
    """Return the rules of the organisation acted in, in order, with the destinations there are: two queries."""
    org_id = organisation_for(who, org, need=Power.ALERTS_MANAGE)
    rows = await tx.scalars(_all(org_id))
    cards = await destination_cards(tx)
    return AlertRuleList(
        items=[as_rule(row) for row in rows],
        destinations=[DestinationNamed(id=id_, kind=kind, name=name) for id_, (kind, name) in cards.items()],
    )


async def rule_for(tx: AsyncSession, who: Actor, org: str, rule_id: UUID) -> AlertRule:
    """Return a rule of the organisation acted in; raises `AlertRuleNotFound`."""
    return as_rule(await _row(tx, who, org, rule_id))


async def add_rule(tx: AsyncSession, who: Actor, org: str, wanted: AlertRuleWanted) -> AlertRule:
    """Add a rule after all others; raises `AlertRuleInvalid`, `TooManyAlertRules`, `ZoneUnknown`."""
    org_id = organisation_for(who, org, need=Power.ALERTS_MANAGE)
    await _refuse_unusable(tx, org_id, wanted)
    await tx.execute(_ONE_AT_A_TIME, {"org_id": str(org_id)})
    query = select(func.count(), func.coalesce(func.max(AlertRuleRow.position), 0))
    count, last = (await tx.execute(query.where(AlertRuleRow.org_id == org_id))).one()
    if count >= RULES_MAX:
        raise TooManyAlertRules(f"An organisation has at most {RULES_MAX} rules; remove one first.")
    row = AlertRuleRow(id=new_id(), org_id=org_id, position=last + 1, created_by=who.user_id, **_columns(wanted))
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return as_rule(row)


async def change_rule(
    tx: AsyncSession, who: Actor, org: str, rule_id: UUID, wanted: AlertRuleWanted, *, if_match: str | None
) -> AlertRule:
    """Change all of a rule but its place; raises what `add_rule` and `require_revision` raise, and `AlertRuleNotFound`."""
    row = await _row(tx, who, org, rule_id, locked=True)
    before = as_rule(row)
    require_revision(if_match, row.revision, newest=before)
    await _refuse_unusable(tx, row.org_id, wanted)
    note_audit(before=before)
    for name, value in _columns(wanted).items():
        setattr(row, name, value)
    row.revision += 1
    await tx.flush()
    return as_rule(row)


async def remove_rule(tx: AsyncSession, who: Actor, org: str, rule_id: UUID) -> None:
    """Remove a rule; what it was about to tell is told no more. Raises `AlertRuleNotFound`."""
    row = await _row(tx, who, org, rule_id)
    await tx.execute(delete(AlertRuleRow).where(AlertRuleRow.id == row.id))


async def order_rules(tx: AsyncSession, who: Actor, org: str, ids: list[UUID]) -> AlertRuleList:
    """Put all rules in an order; raises `AlertRuleInvalid` where some are missing, or others are named."""
    org_id = organisation_for(who, org, need=Power.ALERTS_MANAGE)
    await tx.execute(_ONE_AT_A_TIME, {"org_id": str(org_id)})
    rows = {row.id: row for row in await tx.scalars(_all(org_id))}
    if len(ids) != len(rows) or set(ids) != rows.keys():
        raise AlertRuleInvalid("Name each rule of the organisation once; read them anew, since they may have changed.")
    for position, rule_id in enumerate(ids, start=1):
        rows[rule_id].position = position
    await tx.flush()
    return await list_rules(tx, who, org)


async def try_rule(tx: AsyncSession, who: Actor, org: str, rule_id: UUID) -> AlertRuleTried:
    """Have a sample sent to whom a rule names, now; raises `AlertRuleNotFound`."""
    row = await _row(tx, who, org, rule_id)
    sample = Incident(about=f"{org}, {row.name}", summary="This is a test.", path="/incidents", level="info")
    people = [UUID(user) for user in row.people]
    if people:
        await notify(tx, sample, people, collapse_key=f"alert_rule_test:{row.id}", only_people=True)
    there = row.destination_id is not None
    if row.destination_id is not None:
        await send_to(tx, row.destination_id, sample, dedup_key=f"lyceum-test-{row.id}")
    return AlertRuleTried(destinations=int(there), people=len(people))


def as_rule(row: AlertRuleRow) -> AlertRule:
    """Return a rule as its organisation sees it."""
    escalation = None
    if row.escalate_minutes is not None:
        to = TargetsShown(destination_id=row.escalate_destination_id, people=[UUID(one) for one in row.escalate_people])
        escalation = EscalationShown(after_minutes=row.escalate_minutes, to=to)
    return AlertRule(
        id=row.id,
        name=row.name,
        enabled=row.enabled,
        conditions=ConditionsShown.model_validate(_NO_TAGS | row.conditions),
        delivery=DeliveryShown.model_validate(row.delivery),
        to=TargetsShown(destination_id=row.destination_id, people=[UUID(one) for one in row.people]),
        escalation=escalation,
        goes_on=row.goes_on,
        created_at=row.created_at,
        revision=row.revision,
    )


async def _row(tx: AsyncSession, who: Actor, org: str, rule_id: UUID, *, locked: bool = False) -> AlertRuleRow:
    org_id = organisation_for(who, org, need=Power.ALERTS_MANAGE)
    row = await tx.get(AlertRuleRow, rule_id, with_for_update=True if locked else None)
    if row is None or row.org_id != org_id:
        raise AlertRuleNotFound(f"There is no rule {rule_id} in this organisation.")
    return row


async def _refuse_unusable(tx: AsyncSession, org_id: UUID, wanted: AlertRuleWanted) -> None:
    require_zone(wanted.delivery.zone)
    for to in (wanted.to, wanted.escalation.to if wanted.escalation is not None else None):
        if to is not None:
            await _refuse_nobody(tx, org_id, to)


async def _refuse_nobody(tx: AsyncSession, org_id: UUID, to: AlertTargets) -> None:
    if to.destination_id is None and not to.people:
        raise AlertRuleInvalid("Name a destination or somebody, so that anybody is told.")
    if to.destination_id is not None and to.destination_id not in await destination_cards(tx):
        raise AlertRuleInvalid(f"There is no destination {to.destination_id} in this organisation.")
    missing = set(to.people) - (await member_names(tx, org_id, set(to.people))).keys()
    if missing:
        raise AlertRuleInvalid(f"Nobody with the id {min(missing)} is a member of the organisation.")


def _columns(wanted: AlertRuleWanted) -> dict[str, Any]:
    escalation = wanted.escalation
    return {
        "name": wanted.name,
        "enabled": wanted.enabled,
        "conditions": wanted.conditions.model_dump(mode="json"),
        "delivery": wanted.delivery.model_dump(mode="json"),
        "destination_id": wanted.to.destination_id,
        "people": [str(one) for one in dict.fromkeys(wanted.to.people)],
        "escalate_minutes": escalation.after_minutes if escalation is not None else None,
        "escalate_destination_id": escalation.to.destination_id if escalation is not None else None,
        "escalate_people": [str(one) for one in dict.fromkeys(escalation.to.people)] if escalation is not None else [],
        "goes_on": wanted.goes_on,
    }


def as_asked(row: AlertRuleRow) -> Rule:
    """Return a rule as incidents are held against it."""
    conditions, delivery = row.conditions, row.delivery
    return Rule(
        id=row.id,
        datasets=tuple(conditions["datasets"]),
        dataset_tags=frozenset(conditions.get("dataset_tags", ())),
        check_tags=frozenset(conditions.get("check_tags", ())),
        severities=frozenset(conditions["severities"]),
        kinds=frozenset(conditions["kinds"]),
        hours=_hours(conditions["hours"]),
        quiet=_hours(delivery["quiet"]),
        quiet_lets_critical_pass=delivery["quiet_lets_critical_pass"],
        zone=delivery["zone"],
        group_by=delivery["group_by"],
        group_seconds=delivery["group_seconds"],
        goes_on=row.goes_on,
    )


def _hours(kept: dict[str, Any] | None) -> Hours | None:
    if kept is None:
        return None
    return Hours(frozenset(kept["days"]), time.fromisoformat(kept["begins"]), time.fromisoformat(kept["ends"]))


def _all(org_id: UUID) -> Select[AlertRuleRow]:
    query = select(AlertRuleRow).where(AlertRuleRow.org_id == org_id)
    return query.order_by(AlertRuleRow.position, AlertRuleRow.id).limit(RULES_MAX)
